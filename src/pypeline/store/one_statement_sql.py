"""
The statements of `pypeline.store.one_statement`.

An UPDATE that meets a row which was changed since the statement began reads it again and computes with
what it finds: so each sets from the row itself, and is kept from running by what the locks answered. A
commit does not wait for the disk, but for the one that ends a run.
"""

from __future__ import annotations

_SOON = "set_config('synchronous_commit', 'off', true)"

CREATE = """
    WITH defined AS (
        INSERT INTO pypeline_definition (id, pipeline_id, document, created_at)
        VALUES (:definition, :pipeline, :document, now()) ON CONFLICT DO NOTHING
    ), run AS (
        INSERT INTO pypeline_run (id, app, pipeline_id, definition_id, broker, state, trigger, payload,
            replacements, idempotency_key, body_hash, open_sinks, in_flight, max_concurrency, created_at,
            deadline_at)
        VALUES (:id, :app, :pipeline, :definition, :broker, :state, :trigger, :payload, :replacements,
            :key, :body_hash, :open_sinks, :in_flight, :max_concurrency, now(),
            now() + make_interval(secs => :deadline))
        ON CONFLICT DO NOTHING
        RETURNING id
    ), nodes AS (
        INSERT INTO pypeline_node
            (run_id, position, item, name, queue, state, waiting, attempt, queued_at, sent_at)
        SELECT run.id, number - 1, -1, name, queue, CASE attempt WHEN 1 THEN 'queued' ELSE 'pending' END,
            waiting, attempt, CASE attempt WHEN 1 THEN now() END, CASE attempt WHEN 1 THEN now() END
        FROM run, unnest(
            ARRAY(SELECT json_array_elements_text(:names::json)),
            ARRAY(SELECT json_array_elements_text(:queues::json)), :waiting::integer[], :attempts::integer[]
        ) WITH ORDINALITY AS node(name, queue, waiting, attempt, number)
    )
    SELECT id FROM run
"""

# Concatenated, so that the index of queued nodes is no candidate: planned while that is short, a claim would
# go on reading all of it when thousands are queued.
CLAIM = f"""
    WITH claimed AS (
        UPDATE pypeline_node SET state = 'running', token = :token, worker = :worker, started_at = now(),
            lease_until = now() + make_interval(secs => :lease)
        WHERE run_id = :run AND position = :position AND item = :item AND attempt = :attempt
            AND state || '' = 'queued'
            AND EXISTS (SELECT 1 FROM pypeline_run WHERE id = :run AND flag IS NULL)
        RETURNING tries, sent_at
    ), started AS (
        UPDATE pypeline_run SET state = 'running', started_at = coalesce(started_at, now())
        WHERE id = :run AND state = 'pending' AND EXISTS (SELECT 1 FROM claimed)
    )
    SELECT tries, sent_at, {_SOON} FROM claimed
"""

_IS_MINE = "state = 'running' AND attempt = :attempt AND token = :token AND NOT flagged"
_END = """
        UPDATE pypeline_node SET state = :state, result = :result, error = :error, finished_at = now(),
            lease_until = NULL
        WHERE run_id = :run AND position = :position AND item = :item
"""
_LOG = """
        INSERT INTO pypeline_log (run_id, position, item, attempt, text)
        SELECT :run, :position, :item, :attempt, :log
"""

# The nodes are found one by one, by their whole key: a plan that no statistics can spoil, in the order that
# is asked. The lists hide in a SELECT: knowing how long they are, the server would plan each record anew.
END_NODE = f"""
    WITH locked AS MATERIALIZED (
        SELECT node.*, (wanted.runs_when >> (2 * (node.failed > 0)::integer
                + (node.skipped + :skipped > 0)::integer)) & 1 = 1 AS may_run
        FROM unnest(
            (SELECT :position::integer || :successors::integer[]), (SELECT 0 || :runs_when::integer[])
        ) AS wanted(position, runs_when),
        LATERAL (
            SELECT position, state, attempt, token, flagged, waiting, failed, skipped FROM pypeline_node
            WHERE run_id = :run AND position = wanted.position AND item = -1
            FOR NO KEY UPDATE
        ) AS node
    ), decided AS MATERIALIZED (
        SELECT 1 FROM locked WHERE position = :position AND {_IS_MINE} AND NOT EXISTS (
            SELECT 1 FROM locked
            WHERE position <> :position AND state = 'pending' AND waiting = 1 AND NOT may_run)
    ), ended AS ({_END} AND EXISTS (SELECT 1 FROM decided)
    ), logged AS ({_LOG} FROM decided WHERE :log::text IS NOT NULL
    ), lowered AS (
        UPDATE pypeline_node SET waiting = waiting - 1, skipped = skipped + :skipped,
            state = CASE WHEN waiting = 1 THEN 'queued' ELSE 'pending' END,
            attempt = attempt + (waiting = 1)::integer,
            token = CASE WHEN waiting = 1 THEN NULL ELSE token END,
            queued_at = CASE WHEN waiting = 1 THEN now() ELSE queued_at END,
            sent_at = CASE WHEN waiting = 1 THEN now() ELSE sent_at END
        WHERE run_id = :run AND position = ANY((SELECT :successors)::integer[]) AND item = -1
            AND state = 'pending' AND EXISTS (SELECT 1 FROM decided)
        RETURNING position, attempt, state
    )
    SELECT {_SOON}, position, attempt FROM decided LEFT JOIN lowered ON lowered.state = 'queued'
    ORDER BY position
"""

# Of a run whose only open node at the beginning was this one, nothing else can have changed since.
END_SINK = f"""
    WITH mine AS MATERIALIZED (
        SELECT 1 FROM pypeline_node
        WHERE run_id = :run AND position = :position AND item = :item AND {_IS_MINE}
        FOR NO KEY UPDATE
    ), run AS MATERIALIZED (
        SELECT flag, open_sinks FROM pypeline_run WHERE id = :run AND EXISTS (SELECT 1 FROM mine)
        FOR NO KEY UPDATE
    ), decided AS MATERIALIZED (
        SELECT open_sinks = 1 AS finishes FROM run WHERE flag IS NULL AND CASE WHEN open_sinks = 1
            THEN (SELECT open_sinks = 1 FROM pypeline_run WHERE id = :run)
                AND NOT EXISTS (SELECT 1 FROM pypeline_node WHERE run_id = :run AND state = 'failed')
            ELSE true END
    ), ended AS ({_END} AND EXISTS (SELECT 1 FROM decided)
    ), logged AS ({_LOG} FROM decided WHERE :log::text IS NOT NULL
    ), closed AS (
        UPDATE pypeline_run SET open_sinks = open_sinks - 1,
            state = CASE WHEN open_sinks = 1 THEN 'success' ELSE state END,
            finished_at = CASE WHEN open_sinks = 1 THEN now() END
        WHERE id = :run AND EXISTS (SELECT 1 FROM decided)
    )
    SELECT finishes, CASE WHEN NOT finishes THEN {_SOON} END FROM decided
"""

END_ITEM = f"""
    WITH locked AS MATERIALIZED (
        SELECT node.* FROM unnest((SELECT ARRAY[-1, :item::integer])) AS wanted(item),
        LATERAL (
            SELECT item, state, attempt, token, flagged, waiting, released FROM pypeline_node
            WHERE run_id = :run AND position = :position AND item = wanted.item
            FOR NO KEY UPDATE
        ) AS node
    ), decided AS MATERIALIZED (
        SELECT (SELECT released FROM locked WHERE item = -1) AS released FROM locked
        WHERE item = :item AND {_IS_MINE}
            AND EXISTS (SELECT 1 FROM locked WHERE item = -1 AND state = 'running' AND waiting > 1)
    ), next AS MATERIALIZED (
        SELECT item FROM pypeline_node
        WHERE run_id = :run AND position = :position AND item >= (SELECT released FROM decided)
            AND state = 'pending' AND waiting = 1
        ORDER BY item LIMIT 1
    ), ended AS ({_END} AND EXISTS (SELECT 1 FROM decided)
    ), logged AS ({_LOG} FROM decided WHERE :log::text IS NOT NULL
    ), lowered AS (
        UPDATE pypeline_node SET waiting = waiting - 1, skipped = skipped + :skipped,
            released = coalesce((SELECT item + 1 FROM next), released)
        WHERE run_id = :run AND position = :position AND item = -1 AND EXISTS (SELECT 1 FROM decided)
    ), queued AS (
        UPDATE pypeline_node SET state = 'queued', waiting = 0, attempt = attempt + 1, token = NULL,
            queued_at = now(), sent_at = now()
        WHERE run_id = :run AND position = :position AND item = (SELECT item FROM next) AND state = 'pending'
        RETURNING position, item, attempt
    )
    SELECT {_SOON}, position, item, attempt FROM decided LEFT JOIN queued ON true
"""

POSTPONE = f"""
    WITH postponed AS (
        UPDATE pypeline_node SET state = 'retrying', error = :error, tries = tries + :charged,
            lease_until = NULL, due_at = now() + make_interval(secs => :delay)
        WHERE run_id = :run AND position = :position AND item = :item AND {_IS_MINE}
        RETURNING worker, started_at
    ), kept AS (
        INSERT INTO pypeline_attempt
            (run_id, position, item, attempt, outcome, worker, started_at, finished_at, error)
        SELECT :run, :position, :item, :attempt, :history, worker, started_at, now(), :error FROM postponed
        WHERE :history::varchar IS NOT NULL
    ), logged AS ({_LOG} FROM postponed WHERE :log::text IS NOT NULL
    )
    SELECT {_SOON} FROM postponed
"""
