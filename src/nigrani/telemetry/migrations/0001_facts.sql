-- The facts of the first release. One statement ends with a semicolon at the end of a line; each can be run again.
-- Every table of facts: partitions by day (retention drops whole days), the same id stored once (also when a day's
-- facts are sent twice after the deduplication window), and room for 10,000 insert tokens.

CREATE TABLE IF NOT EXISTS requests (
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    method LowCardinality(String),
    route LowCardinality(String),
    host LowCardinality(String),
    path String CODEC(ZSTD(1)),
    status UInt16,
    duration_ms Nullable(Float64),
    region LowCardinality(String),
    user_id String,
    school_id String,
    ip_key String
) ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(at) ORDER BY (source, route, at, id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS audit (
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    actor String,
    action LowCardinality(String),
    resource LowCardinality(String),
    resource_id String,
    school_id String,
    outcome LowCardinality(String),
    reason String,
    ip_key String,
    attrs Map(LowCardinality(String), String)
) ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(at) ORDER BY (source, action, at, id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS logs (
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    severity LowCardinality(String),
    body String CODEC(ZSTD(1)),
    attrs Map(LowCardinality(String), String)
) ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(at) ORDER BY (source, severity, at, id)
SETTINGS non_replicated_deduplication_window = 10000;

-- up is the believed state after confirmation, NULL while we could not see.
CREATE TABLE IF NOT EXISTS probes (
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    probe LowCardinality(String),
    location LowCardinality(String),
    outcome LowCardinality(String),
    up Nullable(UInt8),
    failure LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    status UInt16,
    size_bytes UInt64,
    dns_ms Nullable(Float64),
    connect_ms Nullable(Float64),
    tls_ms Nullable(Float64),
    first_byte_ms Nullable(Float64),
    total_ms Nullable(Float64)
) ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(at) ORDER BY (source, probe, at, id)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS gauges (
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    name LowCardinality(String),
    labels Map(LowCardinality(String), String),
    value Float64
) ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toYYYYMMDD(at) ORDER BY (source, name, at, id)
SETTINGS non_replicated_deduplication_window = 10000;

-- One row per measure, version of its SQL, label set and minute; the last computed wins. at is the minute, so that
-- every table can be asked alike. Kept long, so partitions are months.
CREATE TABLE IF NOT EXISTS readings (
    measure LowCardinality(String),
    sql_hash LowCardinality(String),
    labels Map(LowCardinality(String), String),
    labels_key String,
    minute DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    num Nullable(Float64),
    den Nullable(Float64),
    n UInt64,
    digest String CODEC(ZSTD(1)),
    computed_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at DateTime64(3, 'UTC') DEFAULT minute,
    received_at DateTime64(3, 'UTC') DEFAULT computed_at
) ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(minute) ORDER BY (measure, sql_hash, labels_key, minute)
SETTINGS non_replicated_deduplication_window = 10000;
