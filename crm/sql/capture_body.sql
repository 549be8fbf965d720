DECLARE
    was jsonb;
    became jsonb;
    it jsonb;
    beside jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN became := to_jsonb(NEW); END IF;
    IF was = became THEN RETURN NULL; END IF;
    it := coalesce(became, was);
    IF it ? 'contact_id' THEN
        beside := jsonb_build_object(
            'contact', (SELECT to_jsonb(c) FROM {schema}.crm_contact c WHERE c.id = (it ->> 'contact_id')::uuid),
            'form', (SELECT to_jsonb(f) FROM {schema}.crm_form f WHERE f.id = (it ->> 'form_id')::uuid)
        );
    END IF;
    INSERT INTO {schema}.crm_capturedchange
        ("table", operation, before, after, beside, transaction, changed_at, attempts, error)
    VALUES
        (TG_TABLE_NAME, TG_OP, was, became, beside, pg_current_xact_id()::text, clock_timestamp(), 0, '');
    RETURN NULL;
END
