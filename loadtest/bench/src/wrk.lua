-- The load: the same question by ever other customers.
--
-- Called as: wrk … -- QUESTION PRODUCT_ID CHECKED_STATUS [FILE]
-- QUESTION is purchase (one unit of the product), signed (the same with the customer's token: line by line in
-- FILE), queue (the same, decided later), order (one unit of it and of the two after it, to be
-- paid later), cart (a quantity of one of 16 products) or list (20 of the products of a category).
-- CHECKED_STATUS is the status that every answer must have, or 0 to leave answers unread: reading
-- them costs the generator about a tenth of its speed, so only the warm-up does it. Drawing the
-- request from a table costs nothing that could be measured against one fixed request.

local CUSTOMERS = 32768

-- Gives the next token of the file.
local tokens

local requests = {}
local position = 0
local threads = {}

-- Counted by each thread, collected by done().
unexpected = 0
example = ""

local JSON = { ["Content-Type"] = "application/json" }

local QUESTIONS = {
  purchase = function(product, customer)
    local body = string.format('{"productId":%d,"quantity":1,"customerId":"c%06d"}', product, customer)
    return wrk.format("POST", "/api/v1/purchases", JSON, body)
  end,

  signed = function(product, customer)
    local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. tokens() }
    local body = string.format('{"productId":%d,"quantity":1,"customerId":"c%06d"}', product, customer)
    return wrk.format("POST", "/api/v1/purchases", headers, body)
  end,

  queue = function(product, customer)
    local headers = { ["Content-Type"] = "application/json", ["Prefer"] = "respond-async" }
    local body = string.format('{"productId":%d,"quantity":1,"customerId":"c%06d"}', product, customer)
    return wrk.format("POST", "/api/v1/purchases", headers, body)
  end,

  order = function(product, customer)
    local body = string.format(
      '{"customerId":"c%06d","items":[{"productId":%d,"quantity":1},{"productId":%d,"quantity":1},'
        .. '{"productId":%d,"quantity":1}],"payment":{"method":"simulated","token":"tok_pending"}}',
      customer, product, product + 1, product + 2)
    return wrk.format("POST", "/api/v1/orders", JSON, body)
  end,

  cart = function(product, customer)
    local headers = {
      ["Content-Type"] = "application/json",
      ["X-Session-Id"] = string.format("benchmark-session-%014d", customer),
    }
    local path = string.format("/api/v1/cart/items/%d", product + customer % 16)
    return wrk.format("PUT", path, headers, string.format('{"quantity":%d}', customer % 9 + 1))
  end,

  list = function(_, customer)
    local path = string.format(
      "/api/v1/products?category=category-%d&inStock=true&minPrice=%d&sort=price&limit=20",
      customer % 100, 100 + customer % 50)
    return wrk.format("GET", path)
  end,
}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local ask = QUESTIONS[arguments[1]]
  local product = tonumber(arguments[2])
  local checked_status = tonumber(arguments[3])
  if arguments[4] then
    tokens = io.lines(arguments[4])
  end
  for customer = 1, CUSTOMERS do
    requests[customer] = ask(product, customer)
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
