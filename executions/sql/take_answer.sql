-- Who gets a row back is the one who asks the model about this content: nobody has asked, the answer is too old, or who was
-- asking has not come back. Uses index remembered_once.
INSERT INTO executions_rememberedanswer AS known (workspace_id, fingerprint, opinion, taken_by, taken_until, at)
VALUES (%(workspace)s, %(fingerprint)s, NULL, %(lease)s, %(until)s, %(now)s)
ON CONFLICT (workspace_id, fingerprint) DO UPDATE
SET opinion = NULL, taken_by = EXCLUDED.taken_by, taken_until = EXCLUDED.taken_until, at = EXCLUDED.at
WHERE (known.opinion IS NOT NULL AND known.at < %(since)s) OR (known.opinion IS NULL AND known.taken_until < %(now)s)
RETURNING known.id
