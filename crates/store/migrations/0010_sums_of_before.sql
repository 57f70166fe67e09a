-- Sums of the calls that are in a journal without any: of a store of before there were sums, or of a copy of one.
-- Both databases understand this. Calls of before have no tags and cost what they cost.

INSERT INTO usage_series (tenant, team, "user", key, model, endpoint, client, dialect, tags)
SELECT DISTINCT tenant, coalesce(team, ''), "user", coalesce(key, ''), model_served, coalesce(endpoint, ''),
       coalesce(client, ''), dialect, coalesce(tags, '')
  FROM journal;

INSERT INTO usage_hours (
    hour, series, calls, estimated, unresolved, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, thinking_tokens, cost, uncached_cost)
SELECT started_at / 3600000000, id, count(*), sum(CASE basis WHEN 'estimated' THEN 1 ELSE 0 END),
       sum(CASE basis WHEN 'unresolved' THEN 1 ELSE 0 END), sum(input_tokens), sum(output_tokens),
       sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(thinking_tokens),
       sum(cost), sum(coalesce(uncached_cost, cost))
  FROM journal
  JOIN usage_series AS series
    ON series.tenant = journal.tenant AND series.team = coalesce(journal.team, '')
   AND series."user" = journal."user" AND series.key = coalesce(journal.key, '')
   AND series.model = model_served AND series.endpoint = coalesce(journal.endpoint, '')
   AND series.client = coalesce(journal.client, '') AND series.dialect = journal.dialect
   AND series.tags = coalesce(journal.tags, '')
 GROUP BY 1, 2;

INSERT INTO usage_days (
    day, series, calls, estimated, unresolved, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, thinking_tokens, cost, uncached_cost)
SELECT hour / 24, series, sum(calls), sum(estimated), sum(unresolved), sum(input_tokens), sum(output_tokens),
       sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(thinking_tokens), sum(cost),
       sum(uncached_cost)
  FROM usage_hours
 GROUP BY 1, 2;
