// Documents: what the API answers, as types for the checker; nothing here runs. docs/api.md has the meaning.

/** @typedef {{ amount: number, currency: string }} Money In minor units. */

/**
 * @typedef {object} SaleOfProduct
 * @property {number} saleId
 * @property {'scheduled' | 'open' | 'paused' | 'ended'} state
 * @property {Money} price
 * @property {string} opensAt
 * @property {string} endsAt
 * @property {number} available
 */

/**
 * @typedef {object} Stock
 * @property {number} productId
 * @property {number} available
 * @property {number} held
 * @property {number} sold
 * @property {number} stocked
 * @property {string} version
 * @property {SaleOfProduct} [sale]
 */

/**
 * @typedef {object} Product
 * @property {number} productId
 * @property {string} name
 * @property {string} [sku]
 * @property {string} [description]
 * @property {string} [category]
 * @property {string} [imageUrl]
 * @property {Money} price
 * @property {number} available
 * @property {number} held
 * @property {number} sold
 * @property {number} stocked
 * @property {number} [limitPerCustomer]
 * @property {string} [opensAt]
 * @property {string} [closesAt]
 * @property {boolean} active
 * @property {number} version
 * @property {SaleOfProduct} [sale]
 */

/**
 * @typedef {object} SaleProduct
 * @property {number} productId
 * @property {Money} price
 * @property {number} units
 * @property {number} available
 * @property {number} [limitPerCustomer]
 */

/**
 * @typedef {object} Sale
 * @property {number} saleId
 * @property {string} name
 * @property {'scheduled' | 'open' | 'paused' | 'ended'} state
 * @property {string} startsAt
 * @property {string} endsAt
 * @property {boolean} sellsBefore whether what is not set aside sells before it opens
 * @property {SaleProduct[]} products
 */

/**
 * @typedef {object} OrderLine
 * @property {number} productId
 * @property {number} quantity
 * @property {Money} unitPrice
 * @property {Money} total
 * @property {string} status
 */

/**
 * @typedef {object} Order
 * @property {string} orderId
 * @property {string} customerId
 * @property {'pending_payment' | 'confirmed' | 'cancelled' | 'refunded' | 'expired'} status
 * @property {Money} total
 * @property {string} createdAt
 * @property {string} [expiresAt]
 * @property {OrderLine[]} lines
 * @property {boolean} [paidLate]
 * @property {{ amount: Money, status: string }[]} [refunds]
 */

/**
 * @typedef {object} Reservation
 * @property {string} reservationId
 * @property {number} productId
 * @property {number} quantity
 * @property {string} customerId
 * @property {string} status
 * @property {Money} total
 * @property {string} [orderId] that it is a line of
 * @property {string} createdAt
 * @property {string} expiresAt
 */

/**
 * @typedef {object} QueuedPurchase
 * @property {string} purchaseId
 * @property {number} productId
 * @property {number} quantity
 * @property {'queued' | 'confirmed' | 'refused' | 'failed'} status
 * @property {number} [position]
 * @property {number} [estimatedWaitSeconds]
 * @property {Money} [total]
 * @property {string} [detail]
 */

/**
 * @typedef {object} CartLine
 * @property {number} productId
 * @property {string} [name]
 * @property {number} quantity
 * @property {Money} [price]
 * @property {Money} [total]
 * @property {number} [available]
 * @property {boolean} priceChanged
 * @property {boolean} soldOut
 * @property {boolean} insufficient
 * @property {boolean} unavailable
 */

/** @typedef {{ lines: CartLine[], total?: Money, mixedCurrencies: boolean }} Cart */

/** @typedef {{ customerId: string, email?: string, role?: string, scopes: string[] }} Account */

/**
 * @typedef {object} SignedIn
 * @property {Account} account
 * @property {string} accessToken
 * @property {number} expiresIn Seconds.
 * @property {string} refreshToken
 */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {string} orderId
 * @property {number} [productId]
 * @property {Money} [amount]
 * @property {number} attempts
 * @property {string} [lastError]
 * @property {string} createdAt
 * @property {string} [diedAt]
 */

/**
 * @typedef {object} ApiKey
 * @property {string} id
 * @property {string} [key]
 * @property {string} name
 * @property {string[]} scopes
 * @property {string} createdAt
 * @property {string} [expiresAt]
 * @property {string} [revokedAt]
 */

/** @typedef {{ depth: number, ratePerSecond: number, oldestAgeSeconds: number | null }} Queues */

/**
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} detail
 * @property {string} title
 * @property {boolean} retryable
 * @property {{ field: string, message: string }[]} [errors]
 * @property {string} [opensAt]
 */

/** @typedef {{ p50: number | null, p95: number | null, p99: number | null }} Quantiles In seconds. */

/**
 * @typedef {object} Journal
 * @property {number} commitsPerSecond
 * @property {{ p50: number | null, p99: number | null }} commit In seconds.
 * @property {number | null} eventsPerCommit
 * @property {string} state
 */

/**
 * One sample of the server's numbers. Times are seconds, rates are per second.
 * @typedef {object} Sample
 * @property {string} at
 * @property {number} uptimeSeconds
 * @property {string} version
 * @property {boolean} limitsEnabled
 * @property {{ perSecond: number, soldPerSecond: number, refusedPerSecond: number, byResult: Record<string, number> }} purchases
 * @property {{ perSecond: number, errorsPerSecond: number }} requests
 * @property {{ success: Quantiles, refusal: Quantiles }} latency
 * @property {Journal} journal
 * @property {{ lagSeconds: number | null, state: string }} projection
 * @property {number} holds
 * @property {{ depth: number, perSecond: number, oldestAgeSeconds: number | null }} queue
 * @property {number} inFlight
 * @property {number} shedding
 * @property {number} connections
 * @property {{ clients: number, messagesPerSecond: number }} live
 * @property {{ cpu: number | null, memoryBytes: number | null, openFiles: number | null }} process
 * @property {{ productId: number, saleId: number, available: number, held: number, sold: number }[]} stock
 */

/** @typedef {{ stepSeconds: number, from: string, samples: Sample[] }} History */

/**
 * @typedef {object} Alert
 * @property {string} name
 * @property {'info' | 'warning' | 'critical'} severity
 * @property {string} subject
 * @property {string} message
 * @property {string} since
 * @property {string} [until]
 */

/** @typedef {{ active: Alert[], recent: Alert[] }} Alerts */

/**
 * @template T
 * @typedef {{ data: T[], nextCursor: string | null }} Page
 */

export {};
