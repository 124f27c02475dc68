// Tokens of customers who are signed in already, as most are when a sale opens. They are signed here with the secret
// that the server of this run verifies them with (auth.algorithm = "HS256", auth.key_file), as an identity provider
// would.

import crypto from "k6/crypto";
import encoding from "k6/encoding";

const HOURS_8 = 8 * 3600;

const secret = __ENV.TOKEN_SECRET_FILE ? open(__ENV.TOKEN_SECRET_FILE).trim() : null;

/** For scripts whose customers must have tokens. */
export function needTokens() {
  if (secret === null) {
    throw new Error("This scenario needs customers with tokens: start lastunit with auth.mode = \"jwt\", auth.algorithm = "
      + "\"HS256\" and auth.key_file, and set TOKEN_SECRET_FILE to the same file.");
  }
}

/** A token for this customer; null where customers have none. */
export function tokenOfCustomer(customer) {
  if (secret === null) return null;
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "lastunit", aud: "lastunit", sub: customer, role: "customer", iat: now, exp: now + HOURS_8 };
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(claims)}`;
  return `${signed}.${crypto.hmac("sha256", secret, signed, "base64rawurl")}`;
}

const encoded = (document) => encoding.b64encode(JSON.stringify(document), "rawurl");
