-- What the triggers of `manage.py capture_writes` do, with the rights of its owner: the writing program needs none on
-- our table. Whole rows as jsonb, so that new columns need nothing installed again. Nothing is caught here: a change
-- and its record commit together or not at all.
CREATE OR REPLACE FUNCTION {schema}.triggerfish_capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $capture${body}$capture$
