-- How much lies where: delayed, dead, ms that the oldest waiting event has waited, then per priority all and in hand.
-- KEYS: delayed, dead, the three streams
-- ARGV: group
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest_ms = now_ms
local answer = {redis.call('ZCARD', KEYS[1]), redis.call('XLEN', KEYS[2]), 0}

local function group_of(stream)
  if redis.call('EXISTS', stream) == 0 then return nil end
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local fields = {}
    for i = 1, #info, 2 do fields[info[i]] = info[i + 1] end
    if fields.name == ARGV[1] then return fields end
  end
end

for i = 3, #KEYS do
  local found = group_of(KEYS[i]) or {pending = 0, ['last-delivered-id'] = '0-0'}
  local first = redis.call('XRANGE', KEYS[i], '(' .. found['last-delivered-id'], '+', 'COUNT', 1)[1]
  if first then oldest_ms = math.min(oldest_ms, tonumber(first[2][4])) end
  answer[#answer + 1] = redis.call('XLEN', KEYS[i])
  answer[#answer + 1] = found.pending
end
answer[3] = now_ms - oldest_ms
return answer
