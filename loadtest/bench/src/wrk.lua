-- The load: purchases of one product by ever other customers.
--
-- Called as: wrk … -- PRODUCT_ID CHECKED_STATUS
-- CHECKED_STATUS is the status that every answer must have, or 0 to leave answers unread: reading
-- them costs the generator about a tenth of its speed, so only the warm-up does it. Drawing the
-- request from a table costs nothing that could be measured against one fixed request.

local CUSTOMERS = 32768

local requests = {}
local position = 0
local threads = {}

-- Counted by each thread, collected by done().
unexpected = 0
example = ""

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local product = arguments[1]
  local checked_status = tonumber(arguments[2])
  local headers = { ["Content-Type"] = "application/json" }
  for customer = 1, CUSTOMERS do
    local body = string.format('{"productId":%s,"quantity":1,"customerId":"c%06d"}', product, customer)
    requests[customer] = wrk.format("POST", "/api/v1/purchases", headers, body)
  end
  if checked_status ~= 0 then
    response = function(status, _, body)
      if status ~= checked_status then
        unexpected = unexpected + 1
        example = status .. " " .. string.sub(body, 1, 300)
      end
    end
  end
end

function request()
  position = position % CUSTOMERS + 1
  return requests[position]
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', " ") .. '"'
end

function done(summary, latency, _)
  local unexpected_answers, unexpected_example = 0, ""
  for _, thread in ipairs(threads) do
    unexpected_answers = unexpected_answers + thread:get("unexpected")
    if thread:get("example") ~= "" then
      unexpected_example = thread:get("example")
    end
  end
  local errors = summary.errors
  io.write(string.format(
    'measured {"requests":%d,"microseconds":%d,"p50Microseconds":%d,"p99Microseconds":%d,'
      .. '"errorStatuses":%d,"socketErrors":%d,"timeouts":%d,"unexpected":%d,"example":%s}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write, errors.timeout,
    unexpected_answers, quoted(unexpected_example)))
end
