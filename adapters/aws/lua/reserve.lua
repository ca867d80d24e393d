-- Takes tokens from a bucket, going into debt when it holds too few. Seconds to wait, or nothing when that is too long.
-- KEYS: bucket
-- ARGV: size, tokens per second, tokens wanted, longest wait in seconds
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local size, rate, wanted, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local held = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(held[1] or size), tonumber(held[2] or now)
left = math.min(size, left + math.max(0, now - at) * rate) - wanted
local wait = math.max(0, -left / rate)
if wait > most then return false end
redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((size - left) / rate * 1000) + 1000)
return string.format('%.6f', wait)
