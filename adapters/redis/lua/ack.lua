-- Takes handled events out, and counts how long they took from offer to here.
-- KEYS: counts, the three streams
-- ARGV: group, number of buckets, their upper edges in ms, then per delivery: priority, id, offered (ms)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local group, buckets = ARGV[1], tonumber(ARGV[2])
local tally = {}

local function bucket_of(latency_ms)
  for i = 1, buckets do
    if latency_ms <= tonumber(ARGV[2 + i]) then return 'latency:' .. ARGV[2 + i] end
  end
  return 'latency:more'
end

for i = 3 + buckets, #ARGV, 3 do
  local stream, id, offered_ms = KEYS[2 + ARGV[i]], ARGV[i + 1], tonumber(ARGV[i + 2])
  if redis.call('XACK', stream, group, id) == 1 then
    redis.call('XDEL', stream, id)
    local bucket = bucket_of(now_ms - offered_ms)
    tally.done = (tally.done or 0) + 1
    tally[bucket] = (tally[bucket] or 0) + 1
  end
end
for name, count in pairs(tally) do
  redis.call('HINCRBY', KEYS[1], name, count)
end
return tally.done or 0
