// Tokens of customers who are signed in already, as most are when a sale opens. They are signed here with the secret
// that the server of this run verifies them with (auth.algorithm = "HS256", auth.key_file), as an identity provider
// would.

import crypto from "k6/crypto";
import encoding from "k6/encoding";

const HOURS_8 = 8 * 3600;

/** Read by each virtual user when it starts, so only in scripts that need it. */
export function readSecret() {
  const file = __ENV.TOKEN_SECRET_FILE;
  if (!file) {
    throw new Error("This scenario needs customers with tokens: start lastunit with auth.mode = \"jwt\", auth.algorithm = "
      + "\"HS256\" and auth.key_file, and set TOKEN_SECRET_FILE to the same file.");
  }
  return open(file).trim();
}

/** A token for this customer. */
export function tokenOf(customer, secret) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "lastunit", aud: "lastunit", sub: customer, role: "customer", iat: now, exp: now + HOURS_8 };
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(claims)}`;
  return `${signed}.${crypto.hmac("sha256", secret, signed, "base64rawurl")}`;
}

const encoded = (document) => encoding.b64encode(JSON.stringify(document), "rawurl");
