-- Empties a bucket; one in debt stays so.
-- KEYS: bucket
-- ARGV: size, tokens per second
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local size, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(held[1] or size), tonumber(held[2] or now)
left = math.min(0, left + math.max(0, now - at) * rate)
redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((size - left) / rate * 1000) + 1000)
return 1
