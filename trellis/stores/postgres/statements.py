"""The SQL of a PostgreSQL store, for one schema. Every table is named with it: nothing depends on a search path."""

from __future__ import annotations

_ROW = (
    "r.run, r.graph, r.name, r.source, r.status, r.revision, r.position::text, r.fields::text, r.wake, r.created, "
    "r.updated, r.request"
)
_ALIVE = "LEFT JOIN {s}.owners AS o ON o.token = r.owner AND o.expires > clock_timestamp()"


class Statements:
    """Each is the bytes of one statement.

    What finds one run must find it by its id: where an owner is compared too, it is done in a way that no index knows,
    or a server that has not counted yet may look through all runs of that owner.
    """

    def __init__(self, schema: str) -> None:
        """`schema` is quoted."""

        def bound(text: str) -> bytes:
            return text.replace("{s}", schema).encode()

        self.append = bound("SELECT {s}.append_turns(%s, %s::json, %b::bytea[], %b::bytea[], %b::text[], %b::bytea[])")
        self.create = bound(
            "SELECT {s}.create_run(%s, %s::json, %b::bytea[], %b::text[], %b::bytea[], %s::int, %s::int, hashtext(%s))"
        )
        self.delete = bound("SELECT {s}.delete_run(%s, %s)")
        self.definition = bound("SELECT data FROM {s}.definitions WHERE hash = %s")
        self.row = bound(f"SELECT {_ROW} FROM {{s}}.runs AS r WHERE r.run = %s")
        self.row_by_request = bound(f"SELECT {_ROW} FROM {{s}}.runs AS r WHERE r.request = %s AND r.request <> ''")
        self.rows = bound(f"SELECT {_ROW} FROM {{s}}.runs AS r WHERE true")
        """To be gone on: conditions, order, limit."""
        self.read = bound("""
            SELECT r.revision, j.seq, j.event FROM {s}.runs AS r
            LEFT JOIN {s}.journal AS j ON j.run = r.id AND j.seq > %s
            WHERE r.run = %s ORDER BY j.seq""")
        self.snapshot = bound("""
            SELECT s.seq, s.data FROM {s}.runs AS r JOIN {s}.snapshots AS s ON s.run = r.id WHERE r.run = %s""")
        self.held = bound(f"""
            SELECT r.run, r.epoch, r.revision, r.owner, o.token FROM {{s}}.runs AS r {_ALIVE} WHERE r.run = ANY(%s)""")
        """The owner as it is written, and where it lives."""

        self.hold = bound("""
            INSERT INTO {s}.owners (token, expires) SELECT %s, clock_timestamp() + %s * interval '1 second'
            WHERE (SELECT max(format) FROM {s}.trellis_formats) = %s
            ON CONFLICT (token) DO UPDATE SET expires = excluded.expires""")
        self.bury = bound("SELECT {s}.bury()")
        self.leave = bound("DELETE FROM {s}.owners WHERE token = %s")
        self.claim = bound("""
            UPDATE {s}.runs SET owner = %(me)s, epoch = epoch + CASE WHEN owner IS NULL THEN 1 ELSE 0 END
            WHERE run = %(run)s AND coalesce(owner, %(me)s) = %(me)s RETURNING epoch""")
        self.claim_due = bound("""
            WITH due AS (
                SELECT id FROM {s}.runs
                WHERE owner IS NULL AND status = 'running' AND wake <= %(now)s
                    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) AND run <> ALL(%(without)s)
                ORDER BY wake, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            ), taken AS (
                UPDATE {s}.runs AS r SET owner = %(me)s, epoch = epoch + 1 FROM due WHERE r.id = due.id
                RETURNING r.run, r.epoch, r.wake, r.id
            )
            SELECT array_agg(run ORDER BY wake, id), array_agg(epoch ORDER BY wake, id), (
                SELECT min(wake) FROM {s}.runs
                WHERE owner IS NULL AND status = 'running' AND wake > %(now)s
            ) FROM taken""")
        self.owned = bound("SELECT run FROM {s}.runs WHERE owner = %s ORDER BY id")
        self.release = bound("""
            WITH freed AS (
                UPDATE {s}.runs SET owner = NULL WHERE run = %(run)s AND owner IS NOT DISTINCT FROM %(me)s RETURNING id, revision
            )
            INSERT INTO {s}.snapshots (run, seq, data)
            SELECT id, %(seq)s::bigint, %(data)b FROM freed WHERE %(seq)s::bigint <= revision
            ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data""")

        self.send = bound("""
            INSERT INTO {s}.inbox (owner, run, asker, message, expires)
            VALUES (%s, %s, %s, %b, clock_timestamp() + %s * interval '1 second') RETURNING id""")
        self.take = bound("""
            UPDATE {s}.inbox AS i SET taken = true WHERE i.owner = %(me)s AND NOT i.taken
            RETURNING i.id, i.message, EXISTS (SELECT FROM {s}.runs AS r WHERE r.run = i.run AND r.owner = %(me)s)""")
        self.answer = bound("UPDATE {s}.inbox SET answered = true, reply = %b WHERE id = %s RETURNING asker")
        self.answers = bound("""
            SELECT i.id, i.taken, CASE WHEN i.answered THEN i.reply END, o.token IS NOT NULL,
                EXISTS (SELECT FROM {s}.runs AS r WHERE r.run = i.run AND r.owner IS NOT DISTINCT FROM o.token)
            FROM {s}.inbox AS i
            LEFT JOIN {s}.owners AS o ON o.token = i.owner AND o.expires > clock_timestamp() WHERE i.id = ANY(%s)""")
        """Whether it was taken, its reply, whether its owner lives, and whether it still has the run."""
        self.withdraw = bound("DELETE FROM {s}.inbox WHERE id = ANY(%s) AND NOT taken RETURNING id")
        self.forget = bound("DELETE FROM {s}.inbox WHERE id = %s")
        self.sweep = bound("DELETE FROM {s}.inbox WHERE expires <= clock_timestamp()")
