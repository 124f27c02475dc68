//! Snapshots of products: bytes behind a digest that fits, because no fuzzer would find one. They decode or
//! are refused; what decodes keeps the promises of its state, and what is written is read again as the same state.

use lastunit::domain::promises::exact_sale_in_full;
use lastunit::journal::snapshot::{decode, encode};

/// The first version that has a digest behind its number.
const WITH_DIGEST: u8 = 2;

/// The input is a snapshot without its digest.
pub fn check(input: &[u8]) {
    let mut bytes = input.to_vec();
    if let Some((version, state)) = input.split_first()
        && *version >= WITH_DIGEST
    {
        bytes = vec![*version];
        bytes.extend_from_slice(blake3::hash(state).as_bytes());
        bytes.extend_from_slice(state);
    }
    let product = match decode(&bytes) {
        Ok(product) => product,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    exact_sale_in_full(&product).expect("nothing is sold from a state that is not exact");
    // Bytes may name a key twice, which no state does that facts have made: once written it is there once.
    let written = decode(&encode(&product)).expect("what was just written");
    let again = decode(&encode(&written)).expect("what was just written");
    assert!(again == written, "written and read again it is another state");
    assert_eq!((again.stock(), again.revision()), (product.stock(), product.revision()));
}
