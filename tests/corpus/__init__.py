"""Bad input, as data: `cases/<group>.yaml` says what is sent and what must come, `test_corpus.py` sends it.

A file has `defaults`, which each of its `cases` may change:

    - id: other-secret                      # together with the file's name, the test's name
      to: POST /webhooks/<github>           # <words> are the names of `ground.py`: addresses, ids, tokens
      as: read                              # whose token: owner, read, foreign, expired, revoked, or none
      sign: {by: github, secret: another}   # as `signing.py` does it; `none` leaves it out
      headers: {X-Kind: a, X-Twice: [a, b], Content-Type: null}
      body: '{"a": 1}'                      # or a list of pieces: text, {times: [text, n]}, {hex: ...}, {gzip: ...},
      json: {a: 1}                          #   {deflate: ...}, {text: ..., as: utf-16}; or `json`, or `form`
      raw: "GET / HTTP/1.1\\r\\n..."          # or the whole request, byte by byte
      repeat: 3                             # one after the other, the last answer counts; `together` at the same time
      expect: 401 unverified                # status and error_code; `closed` where the server only hangs up
      fields: [secret]                      # what `details` names
      says: fit                             # a part of error_message
      answer: {event_id: first}             # what the answer holds, by path; `first`: as in the first answer
      stored: {parsed.kind: message}        # what the event's payload holds, by path
      events: 1                             # how many more there are then; contacts, submissions, triggers, agents too
      shape: plain                          # errors not in our shape: `page` for people, `plain` of the server
"""
