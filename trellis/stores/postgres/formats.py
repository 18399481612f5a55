"""The formats of a schema, each a script that makes it of the one before; `{s}` stands for the quoted schema.

Written once, never changed: a change is a script more at the end.
"""

from __future__ import annotations

_FIRST = """
    CREATE TABLE {s}.owners (
        token text PRIMARY KEY,
        expires timestamptz NOT NULL        -- by the clock of the server; dead from then on
    );

    CREATE TABLE {s}.runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run text COLLATE "C" NOT NULL UNIQUE,
        request text COLLATE "C" NOT NULL,
        -- NULL while the run is free. An owner is buried by deleting its row, which frees all that it held; and
        -- nobody owns a run without such a row, so none can be held by a name that is never found dead.
        owner text REFERENCES {s}.owners ON DELETE SET NULL,
        epoch bigint NOT NULL,
        revision bigint NOT NULL,
        graph text NOT NULL,
        name text NOT NULL,
        source text NOT NULL,
        status text NOT NULL,
        position json NOT NULL,             -- json, not jsonb: it is given back as it was written
        fields json NOT NULL,
        wake double precision,
        created double precision NOT NULL,
        updated double precision NOT NULL
    ) WITH (fillfactor = 80);               -- room for the next version of a row beside it
    CREATE UNIQUE INDEX runs_by_request ON {s}.runs (request) WHERE request <> '';
    CREATE INDEX runs_by_owner ON {s}.runs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX runs_by_wake ON {s}.runs (wake, id) WHERE owner IS NULL AND status = 'running' AND wake IS NOT NULL;
    CREATE INDEX runs_by_status ON {s}.runs (status, created, id);
    CREATE INDEX runs_by_created ON {s}.runs (created, id);
    CREATE INDEX runs_by_fields ON {s}.runs USING gin ((fields::jsonb) jsonb_path_ops);

    CREATE TABLE {s}.journal (
        run bigint NOT NULL,                -- no foreign key: it would be looked up for every event
        seq bigint NOT NULL,
        event bytea NOT NULL,
        PRIMARY KEY (run, seq)
    );

    CREATE TABLE {s}.snapshots (
        run bigint PRIMARY KEY,
        seq bigint NOT NULL,
        data bytea NOT NULL
    );

    CREATE TABLE {s}.definitions (
        hash text COLLATE "C" PRIMARY KEY,
        data bytea NOT NULL
    );
    CREATE TABLE {s}.needs (
        run bigint NOT NULL,
        -- Keeps a definition from going away under the run that begins to need it.
        hash text COLLATE "C" NOT NULL REFERENCES {s}.definitions,
        PRIMARY KEY (run, hash)
    );
    CREATE INDEX needs_by_hash ON {s}.needs (hash);

    CREATE TABLE {s}.inbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner text NOT NULL,                -- no foreign key: that it was taken is known when its owner is gone, too
        run text NOT NULL,
        asker text NOT NULL,                -- the channel on which the asker listens
        message bytea NOT NULL,
        taken boolean NOT NULL DEFAULT false,
        answered boolean NOT NULL DEFAULT false,
        reply bytea,                        -- a frame, in what is answered; see post.py
        expires timestamptz NOT NULL
    );
    CREATE INDEX inbox_by_owner ON {s}.inbox (owner) WHERE NOT taken;

    -- Frees what dead owners held. An owner that renews at this moment is passed over; so is everything where one was
    -- stopped in the midst of a transaction that holds its run: the server ends that before long.
    CREATE FUNCTION {s}.bury() RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
    BEGIN
        IF EXISTS (SELECT FROM {s}.owners WHERE expires <= clock_timestamp()) THEN
            DELETE FROM {s}.owners WHERE token IN (
                SELECT token FROM {s}.owners WHERE expires <= clock_timestamp() FOR UPDATE SKIP LOCKED);
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END $$;

    -- Writes the turns of many runs, each run whole or not at all; answers the numbers of those that were written.
    -- The runs are taken one after the other, and the owner is compared in a way that no index knows: so the plan is one
    -- look at the index of the ids for each, however little the server knows of the table when it makes that plan.
    CREATE FUNCTION {s}.append_turns(
        me text, batch json, events bytea[], images bytea[], hashes text[], definitions bytea[]
    ) RETURNS int[] LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    DECLARE
        t record;
        made bigint;
        numbers int[] := '{}';
        runs bigint[] := '{}';
        befores bigint[] := '{}';
        starts int[] := '{}';
        counts int[] := '{}';
    BEGIN
        FOR t IN
            SELECT * FROM json_to_recordset(batch) AS t (
                number int, run text, epoch bigint, before bigint, start int, count int, ended boolean,
                image int, image_seq bigint, first_definition int, last_definition int,
                graph text, name text, source text, status text, position json, fields json,
                wake double precision, created double precision, updated double precision
            )
        LOOP
            IF t.graph IS NULL THEN
                UPDATE {s}.runs AS r SET
                    revision = t.before + t.count, owner = CASE WHEN t.ended THEN NULL ELSE r.owner END
                WHERE r.run = t.run AND r.owner IS NOT DISTINCT FROM me AND r.epoch = t.epoch AND r.revision = t.before
                RETURNING r.id INTO made;
            ELSE
                UPDATE {s}.runs AS r SET
                    revision = t.before + t.count, owner = CASE WHEN t.ended THEN NULL ELSE r.owner END,
                    graph = t.graph, name = t.name, source = t.source, status = t.status, position = t.position,
                    fields = t.fields, wake = t.wake, created = t.created, updated = t.updated
                WHERE r.run = t.run AND r.owner IS NOT DISTINCT FROM me AND r.epoch = t.epoch AND r.revision = t.before
                RETURNING r.id INTO made;
            END IF;
            CONTINUE WHEN made IS NULL;
            numbers := numbers || t.number;
            runs := runs || made;
            befores := befores || t.before;
            starts := starts || t.start;
            counts := counts || t.count;
            IF t.image > 0 THEN
                INSERT INTO {s}.snapshots (run, seq, data) VALUES (made, t.image_seq, images[t.image])
                ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data;
            END IF;
            IF t.first_definition > 0 THEN
                INSERT INTO {s}.definitions (hash, data)
                SELECT hashes[i], definitions[i] FROM generate_series(t.first_definition, t.last_definition) AS i
                ON CONFLICT DO NOTHING;
                INSERT INTO {s}.needs (run, hash)
                SELECT made, hashes[i] FROM generate_series(t.first_definition, t.last_definition) AS i
                ON CONFLICT DO NOTHING;
            END IF;
        END LOOP;
        INSERT INTO {s}.journal (run, seq, event)
        SELECT runs[k], befores[k] + i, events[starts[k] + i - 1]
        FROM generate_subscripts(runs, 1) AS k, generate_series(1, counts[k]) AS i;
        RETURN numbers;
    END $$;

    -- What locks is one message, so that no host can be stopped while it keeps others out.
    CREATE FUNCTION {s}.create_run(
        me text, given json, events bytea[], hashes text[], definitions bytea[], at_most int, locks int, key int
    ) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        wanted text := given ->> 'run';
        asked text := given ->> 'request';
        made bigint;
    BEGIN
        IF at_most IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock(locks, key);
            IF EXISTS (SELECT FROM {s}.runs WHERE run = wanted)
                OR EXISTS (SELECT FROM {s}.runs WHERE request = asked AND request <> '')
            THEN
                RETURN 'there';
            END IF;
            IF at_most <= (SELECT count(*) FROM (SELECT FROM {s}.runs WHERE status = 'running' LIMIT at_most) AS open)
            THEN
                RETURN 'full';
            END IF;
        END IF;
        INSERT INTO {s}.runs (
            run, request, owner, epoch, revision, graph, name, source, status, position, fields, wake, created, updated
        )
        SELECT run, request, me, 1, cardinality(events), graph, name, source, status, position, fields, wake, created,
            updated
        FROM json_to_record(given) AS t (
            run text, request text, graph text, name text, source text, status text, position json, fields json,
            wake double precision, created double precision, updated double precision
        )
        ON CONFLICT DO NOTHING RETURNING id INTO made;
        IF made IS NULL THEN
            RETURN 'there';
        END IF;
        INSERT INTO {s}.journal (run, seq, event) SELECT made, seq, event FROM unnest(events) WITH ORDINALITY AS e (event, seq);
        INSERT INTO {s}.definitions (hash, data) SELECT * FROM unnest(hashes, definitions) ON CONFLICT DO NOTHING;
        INSERT INTO {s}.needs (run, hash) SELECT made, hash FROM unnest(hashes) AS hash;
        RETURN 'made';
    END $$;

    CREATE FUNCTION {s}.delete_run(me text, wanted text) RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        gone bigint;
        freed text[];
    BEGIN
        DELETE FROM {s}.runs WHERE run = wanted AND coalesce(owner, me) = me RETURNING id INTO gone;
        IF gone IS NULL THEN
            RETURN false;
        END IF;
        DELETE FROM {s}.journal WHERE run = gone;
        DELETE FROM {s}.snapshots WHERE run = gone;
        -- Those who delete take turns at a definition; those who begin to need it are in nobody's way.
        PERFORM FROM {s}.definitions WHERE hash IN (SELECT hash FROM {s}.needs WHERE run = gone)
            ORDER BY hash FOR NO KEY UPDATE;
        WITH dropped AS (DELETE FROM {s}.needs WHERE run = gone RETURNING hash)
            SELECT array_agg(hash ORDER BY hash) INTO freed FROM dropped;
        DELETE FROM {s}.definitions AS d
            WHERE hash = ANY(freed) AND NOT EXISTS (SELECT FROM {s}.needs AS n WHERE n.hash = d.hash);
        RETURN true;
    END $$;
"""

FORMATS = (_FIRST,)
