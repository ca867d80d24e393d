-- Gives a dead letter its tries anew. 0 where there is none of this id.
-- KEYS: dead, the three streams
-- ARGV: id
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
local fields = {}
for i = 1, #letter[2], 2 do fields[letter[2][i]] = letter[2][i + 1] end
local stream = KEYS[2 + string.match(fields.record, '^(%d+) ')]
redis.call('XADD', stream, '*', 'attempt', 1, 'offered', now_ms, 'record', fields.record)
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
