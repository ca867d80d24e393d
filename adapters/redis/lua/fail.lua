-- Puts a failed event aside until its next try, or among the dead. Does nothing where it is not in hand any more.
-- KEYS: counts, delayed, dead, its stream
-- ARGV: group, id, priority, attempt, offered (ms), record, ms to wait (-1: give up), reason, dead capacity
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local group, id, priority, attempt, offered, record = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local wait_ms, reason, dead_capacity = tonumber(ARGV[7]), ARGV[8], ARGV[9]
if redis.call('XACK', KEYS[4], group, id) == 0 then return 0 end
redis.call('XDEL', KEYS[4], id)
if wait_ms >= 0 then
  local member = table.concat({priority, attempt + 1, offered, id, record}, ' ')
  redis.call('ZADD', KEYS[2], now_ms + wait_ms, member)
  redis.call('HINCRBY', KEYS[1], 'retried', 1)
else
  redis.call('XADD', KEYS[3], 'MAXLEN', dead_capacity, '*', 'attempts', attempt, 'died', now_ms,
    'reason', reason, 'record', record)
  redis.call('HINCRBY', KEYS[1], 'died', 1)
end
return 1
