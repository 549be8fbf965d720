"""One command for the whole system: `make run`, or `manage.py up`.

It starts PostgreSQL and Valkey where no `DATABASE_URL` or `REDIS_URL` is set, migrates, seeds the demo once,
and runs the processes of the README's table as children of one supervisor.

| module | job |
|---|---|
| `install` | makes `.venv` hold what a requirements file pins; standard library only |
| `place` | the folder `var/`: locks, generated keys, addresses (`run.env`), logs, socket folders |
| `child` | one program as a child process that dies with us |
| `postgres` `valkey` | how each server is found, prepared and asked |
| `servers` | which of the two must be started, starts them, waits until they answer |
| `address` | HOST and PORT |
| `processes` | the table: web, worker, alone, agents, beat |
| `supervisor` | keeps children alive, stops them in order |
| `prepare` | migrate and seed, in a process of its own |
| `terminal` | what a person reads |
| `command` | the order of all this |

Only `prepare` imports Django's apps: the supervisor stays small, because it runs as long as the system does.
"""
