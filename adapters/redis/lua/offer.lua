-- Takes events in, each unless it is a duplicate or its queue is full. One answer per event, in order.
-- KEYS: counts, the three streams, then per event the key that remembers its id
-- ARGV: capacity, ms that ids are remembered, then per event: priority, record ("" where too old)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local capacity, dedupe_ms = tonumber(ARGV[1]), ARGV[2]
local room, tally, answers = {}, {}, {}

local function judge(number)
  local priority, record = tonumber(ARGV[1 + 2 * number]), ARGV[2 + 2 * number]
  local seen, stream = KEYS[4 + number], KEYS[2 + priority]
  if record == '' then return 'stale' end
  if redis.call('EXISTS', seen) == 1 then return 'duplicate' end
  room[priority] = room[priority] or capacity - redis.call('XLEN', stream)
  if room[priority] <= 0 then return 'full' end
  room[priority] = room[priority] - 1
  redis.call('SET', seen, 1, 'PX', dedupe_ms)
  redis.call('XADD', stream, '*', 'attempt', 1, 'offered', now_ms, 'record', record)
  return 'accepted'
end

for number = 1, #KEYS - 4 do
  local answer = judge(number)
  answers[number] = answer
  tally[answer] = (tally[answer] or 0) + 1
end
for answer, count in pairs(tally) do
  redis.call('HINCRBY', KEYS[1], answer, count)
end
return answers
