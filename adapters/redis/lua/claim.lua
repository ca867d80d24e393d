-- Uses a value up. 1 where it was fresh, also when the same call comes again because its answer was lost.
-- KEYS: nonce
-- ARGV: name of the call, ms
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
