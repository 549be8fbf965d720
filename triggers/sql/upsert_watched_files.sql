-- What is known of files of one trigger from now on. Constraint watched_file_once.
INSERT INTO triggers_watchedfile (trigger_id, key, path, inode, size, mtime, ctime)
SELECT %(trigger)s, told.key, told.path, told.inode, told.size, told.mtime, told.ctime
FROM unnest(
    %(keys)s::uuid[], %(paths)s::bytea[], %(inodes)s::bigint[], %(sizes)s::bigint[], %(mtimes)s::bigint[],
    %(ctimes)s::bigint[]
) AS told(key, path, inode, size, mtime, ctime)
ON CONFLICT (trigger_id, key) DO UPDATE SET
    inode = EXCLUDED.inode, size = EXCLUDED.size, mtime = EXCLUDED.mtime, ctime = EXCLUDED.ctime
