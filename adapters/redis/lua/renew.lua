-- Prolongs a lease (ms above 0) or gives it back (0), where it is still the same. 1 where it was.
-- KEYS: lease
-- ARGV: what it holds, ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) else redis.call('DEL', KEYS[1]) end
return 1
