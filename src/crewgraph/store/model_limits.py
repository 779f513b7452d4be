"""The tables in Postgres by which workers share limits on calls of models, and the two functions that count."""

from __future__ import annotations

__all__ = ["MODEL_LIMITS"]

# Counting is done by functions of the database: it has the one clock that all workers share, a statement of its own
# holds the row of a model no longer than it takes (a worker that freezes keeps nobody out), and what a function reads
# after it has the row is as new as the row. The caller's own query would see what stood there before it had to wait.
#
# Requests and tokens are counted by GCRA, as a level that falls at a steady rate. A tenth of the limit may come at once
# and the rate is what is left, so that in any minute there is never more than the limit. A minute has half a second
# more, for requests that take longer to arrive than those before them. A call is never refused: it gets the moment at
# which it may begin, behind all that asked before it, so that a large one is not overtaken for ever by small ones. A
# level below zero is time in which nothing was called; only a call that is larger than the tenth may use it.
MODEL_LIMITS = """
CREATE TABLE IF NOT EXISTS crewgraph.limits (
  model TEXT PRIMARY KEY, rpm BIGINT, tpm BIGINT, concurrency BIGINT,
  requests DOUBLE PRECISION NOT NULL DEFAULT 0, tokens DOUBLE PRECISION NOT NULL DEFAULT 0, counted TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS crewgraph.leases (
  model TEXT NOT NULL, worker TEXT NOT NULL, calls INTEGER NOT NULL, since TIMESTAMPTZ, asked TIMESTAMPTZ NOT NULL,
  dead_after DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, worker)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS crewgraph.pauses (
  model TEXT NOT NULL, endpoint TEXT NOT NULL, until TIMESTAMPTZ NOT NULL, PRIMARY KEY (model, endpoint)
);

CREATE OR REPLACE FUNCTION crewgraph.limit_burst(most BIGINT) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(1, most / 10)::float8 $$;

CREATE OR REPLACE FUNCTION crewgraph.limit_rate(most BIGINT) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE AS $$
  SELECT (most + 1 - greatest(1, most / 10)) / 60.5::float8 $$;

CREATE OR REPLACE FUNCTION crewgraph.limit_level(
  level DOUBLE PRECISION, most BIGINT, seconds DOUBLE PRECISION
) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN most IS NOT NULL THEN greatest(
    level - crewgraph.limit_rate(most) * greatest(seconds, 0), crewgraph.limit_burst(most) - most) END $$;

CREATE OR REPLACE FUNCTION crewgraph.limit_delay(
  level DOUBLE PRECISION, most BIGINT, needs DOUBLE PRECISION
) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(0, coalesce(
    (level + least(needs, most) - crewgraph.limit_burst(most)) / crewgraph.limit_rate(most), 0)) $$;

CREATE OR REPLACE FUNCTION crewgraph.limit_asks(
  asked TIMESTAMPTZ, moment TIMESTAMPTZ
) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE AS $$
  SELECT asked BETWEEN moment - interval '2 seconds' AND moment + interval '2 seconds' $$;

CREATE OR REPLACE FUNCTION crewgraph.leased(
  which TEXT, moment TIMESTAMPTZ
) RETURNS SETOF crewgraph.leases LANGUAGE sql STABLE AS $$
  SELECT * FROM crewgraph.leases l WHERE model = which AND EXISTS (
    SELECT FROM crewgraph.workers w WHERE w.id = l.worker
      AND greatest(w.beat, pg_postmaster_start_time()) > moment - make_interval(secs => l.dead_after)) $$;

CREATE OR REPLACE FUNCTION crewgraph.begin_call(
  which TEXT, who TEXT, held INTEGER, needs DOUBLE PRECISION, patience DOUBLE PRECISION, given TIMESTAMPTZ DEFAULT NULL
) RETURNS DOUBLE PRECISION LANGUAGE plpgsql AS $$
DECLARE
  own crewgraph.limits; moment TIMESTAMPTZ; first TIMESTAMPTZ; taken BIGINT; delay DOUBLE PRECISION;
BEGIN
  SELECT * INTO own FROM crewgraph.limits WHERE model = which FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  moment := coalesce(given, clock_timestamp());
  SELECT since INTO first FROM crewgraph.leases
    WHERE model = which AND worker = who AND crewgraph.limit_asks(asked, moment);
  first := coalesce(first, moment);
  SELECT held + coalesce(sum(calls), 0)
      + count(*) FILTER (WHERE since < first AND crewgraph.limit_asks(asked, moment)) INTO taken
    FROM crewgraph.leased(which, moment) WHERE worker <> who;
  IF taken >= own.concurrency THEN
    INSERT INTO crewgraph.leases VALUES (which, who, held, first, moment, patience) ON CONFLICT (model, worker)
      DO UPDATE SET calls = excluded.calls, since = excluded.since, asked = excluded.asked;
    RETURN NULL;
  END IF;
  INSERT INTO crewgraph.leases VALUES (which, who, held + 1, NULL, moment, patience) ON CONFLICT (model, worker)
    DO UPDATE SET calls = excluded.calls, since = NULL, asked = excluded.asked;
  own.requests := crewgraph.limit_level(own.requests, own.rpm, extract(epoch FROM moment - own.counted));
  own.tokens := crewgraph.limit_level(own.tokens, own.tpm, extract(epoch FROM moment - own.counted));
  delay := greatest(crewgraph.limit_delay(own.requests, own.rpm, 1), crewgraph.limit_delay(own.tokens, own.tpm, needs));
  UPDATE crewgraph.limits SET counted = moment,
      requests = coalesce(greatest(own.requests, delay * crewgraph.limit_rate(own.rpm)) + 1, 0),
      tokens = coalesce(greatest(own.tokens, delay * crewgraph.limit_rate(own.tpm)) + needs, 0)
    WHERE model = which;
  RETURN delay;
END $$;

CREATE OR REPLACE FUNCTION crewgraph.end_calls(
  which TEXT, who TEXT, held INTEGER, more_requests DOUBLE PRECISION, more_tokens DOUBLE PRECISION, patience DOUBLE PRECISION
) RETURNS VOID LANGUAGE sql AS $$
  UPDATE crewgraph.limits SET requests = requests + more_requests, tokens = tokens + more_tokens WHERE model = which;
  UPDATE crewgraph.leases SET calls = held WHERE model = which AND worker = who;
  INSERT INTO crewgraph.leases SELECT which, who, held, NULL, clock_timestamp(), patience
    WHERE EXISTS (SELECT FROM crewgraph.limits WHERE model = which) ON CONFLICT (model, worker) DO NOTHING $$;
"""
