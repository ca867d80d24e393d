-- Hands out what is to be handled next: per priority what was left behind, then what is new.
-- KEYS: counts, delayed, dead, the three streams
-- ARGV: group, consumer, limit, tries, dead capacity, ms after which a delivery is taken over (0: do not look),
--       "tried" where what this consumer holds counts as tried (an earlier life held it), else "" (an answer was lost),
--       then per wanted priority, in order: priority, and the id after which to look for what it holds ("": do not look)
-- Answer: ms until the next delayed event is due (-1: none), then deliveries
--       {priority, id, attempt, offered, record, 1 where this consumer held it already}
local counts, delayed, dead = KEYS[1], KEYS[2], KEYS[3]
local group, consumer = ARGV[1], ARGV[2]
local limit, tries, dead_capacity, claim_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local held_is_tried = ARGV[7] == 'tried'
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local RELEASED_AT_ONCE = 500
local taken = {}

local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function release_delayed()
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now_ms, 'LIMIT', 0, RELEASED_AT_ONCE)
  for _, member in ipairs(due) do
    local priority, attempt, offered, _, record = string.match(member, '^(%d+) (%d+) (%d+) (%S+) (.*)$')
    redis.call('XADD', KEYS[4 + priority], '*', 'attempt', attempt, 'offered', offered, 'record', record)
    redis.call('ZREM', delayed, member)
  end
end

local function hand_out(priority, entry, attempt, held)
  local fields = fields_of(entry)
  taken[#taken + 1] = {priority, entry[1], attempt or fields.attempt, fields.offered, fields.record, held}
end

local function tries_so_far(stream, entry)
  local pending = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)
  return tonumber(fields_of(entry).attempt) + pending[1][4] - 1
end

local function give_up(stream, entry, attempts)
  local record = fields_of(entry).record
  redis.call('XADD', dead, 'MAXLEN', dead_capacity, '*', 'attempts', attempts, 'died', now_ms,
    'reason', 'its consumer died at every try', 'record', record)
  redis.call('XACK', stream, group, entry[1])
  redis.call('XDEL', stream, entry[1])
  redis.call('HINCRBY', counts, 'died', 1)
end

local function hand_out_again(priority, stream, entries, held)
  for _, entry in ipairs(entries) do
    if entry and entry[2] then
      redis.call('HINCRBY', counts, 'taken_over', 1)
      local attempt = tries_so_far(stream, entry)
      if attempt > tries then give_up(stream, entry, attempt - 1) else hand_out(priority, entry, attempt, held) end
    end
  end
end

local function read(stream, from)
  local room = limit - #taken
  if room <= 0 then return {} end
  local answer = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', room, 'STREAMS', stream, from)
  return answer and answer[1] and answer[1][2] or {}
end

local function hand_out_held(priority, stream, from)
  local entries = read(stream, from)
  if held_is_tried then return hand_out_again(priority, stream, entries, 1) end
  for _, entry in ipairs(entries) do
    if entry[2] then
      redis.call('XCLAIM', stream, group, consumer, 0, entry[1], 'RETRYCOUNT', 1, 'JUSTID')
      hand_out(priority, entry, nil, 1)
    end
  end
end

release_delayed()
for i = 8, #ARGV, 2 do
  local priority, from = tonumber(ARGV[i]), ARGV[i + 1]
  local stream = KEYS[4 + priority]
  if from ~= '' then hand_out_held(priority, stream, from) end
  if claim_ms > 0 and #taken < limit then
    local answer = redis.call('XAUTOCLAIM', stream, group, consumer, claim_ms, '0', 'COUNT', limit - #taken)
    hand_out_again(priority, stream, answer[2], 0)
  end
  for _, entry in ipairs(read(stream, '>')) do hand_out(priority, entry, nil, 0) end
end

local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
local due_ms = first[2] and math.max(0, tonumber(first[2]) - now_ms) or -1
return {due_ms, taken}
