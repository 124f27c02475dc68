//! What is stored: facts and states as bytes, and back.
//!
//! Proves: whatever is written is read back the same; bytes that nobody wrote (random, cut off,
//! flipped) are an error or at least no panic; and the bytes of version 1 mean the same for ever.
//! The golden bytes below must never be edited: a new version is a new constant beside them.
//!
//! Replay: proptest prints the smallest failing case and keeps its seed in the file
//! `tests/stored.proptest-regressions`; `PROPTEST_CASES=10000 cargo test --test stored` looks longer.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use lastunit::domain::{
    Action, Answer, CatalogEntry, Change, Command, Currency, CustomerId, Event, Field, Fingerprint,
    HoldEnd, Line, Money, Offer, OrderId, Part, Payment, Priority, Product, ProductId, Quantity,
    RequestKey, Retry, ReturnReason, SaleId, SaleTerms, Timestamp, TurnRefusal, Verdict,
};
use lastunit::journal::stored::{
    DecodeError, ROW_VERSION, decode_piece, decode_ranges, decode_row, encode_section,
};
use lastunit::journal::{Digest, Epoch, PartitionId, Section, Seq, snapshot};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A row of one section with one fact of each kind.
const GOLDEN_ROW: &str = "\
012a01fbd8c1a28c340b00e209455552010801e80700e8070e4772c3bc6e65722042656368657201054355502d310001\
0463757073010101010101010101010101010101010103616e6e02e20900020202020202020202020202020202020203\
616e6e01e209a8d7240102020202020202020202020202020202ac02020303030303030303030303030303030303616e\
6e01e20990df240103030303030303030303030303030303ac02020404040404040404040404040404040403616e6e01\
e209f8e6240104040404040404040404040404040404ac02020505050505050505050505050505050503616e6e01e209\
e0ee240105050505050505050505050505050505ac020302020202020202020202020202020202e0dc2a010c0c0c0c0c\
0c0c0c0c0c0c0c0c0c0c0cac02040303030303030303030303030303030300010d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d\
ac02040404040404040404040404040404040401010e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0eac02040505050505050505\
0505050505050505020005131162726f6b656e20696e207472616e736974010f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0fac\
02";

/// A row of what came after the first release.
const GOLDEN_LATER: &str = "\
012a0109020905455552000000010363757000000001082f6375702e706e67010473697a65014c0a01036d756701064555\
52010002014d0100000000";

/// A row of what a queue adds.
const GOLDEN_QUEUE: &str = "\
012a01090b0b0101010101010101010101010101010103616e6e02000109090909090909090909090909090909ac020b\
0202020202020202020202020202020203616e6e0201000d01ac020d000c010101010101010101010101010101010361\
6e6e02ac02000c0202020202020202020202020202020203616e6e02ac0201010c030303030303030303030303030303\
0303616e6e02ac020202010c0404040404040404040404040404040403616e6e02ac0203ac020c050505050505050505\
0505050505050503616e6e02ac02040c0606060606060606060606060606060603616e6e02ac0205ac020c0707070707\
070707070707070707070703616e6e02ac0206";

/// A row of what sales add.
const GOLDEN_SALES: &str = "\
012a01090a10ac020464726f70022aac0205e0a712000101f4034555520109ac02010909090909090909090909090909\
0909ac02100100012a80b518a0c21e010002f403455552000700120101010101010101010101010101010103616e6e02\
f403ac0200130202020202020202020202020202020203616e6e02f403d804ac0200010a0a0a0a0a0a0a0a0a0a0a0a0a\
0a0a0aac02130303030303030303030303030303030303616e6e02f403d804ac02010000130404040404040404040404\
040404040403616e6e02f403d804ac02010700150505050505050505050505050505050503616e6e0201ac02010b0b0b\
0b0b0b0b0b0b0b0b0b0b0b0b0bac020c0505050505050505050505050505050503616e6e02ac02071401010101010101\
01010101010101010103616e6e0201ac02001101";

/// The state of a product with sales.
const GOLDEN_SALES_SNAPSHOT: &str = "\
0468a15d9868d9255973111425bec939ec37537eade63716bdd33ba74d6fa8269c01e209455552010801e80700e20706\
00e8070b090103616e6e0006030202020202020202020202020202020203616e6ef40309d80402000303030303030303\
030303030303030303616e6ef40309d80402000404040404040404040404040404040403616e6ef40309d80402000003\
09090909090909090909090909090909ac02090aac02010a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0aac0209010202020202\
020202020202020202020202f403d8040b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0bac020909050505050505050505050505\
050505050102030303030303030303030303030303030000000404040404040404040404040404040407000001010101\
010101010101010101010101010001010606060606060606060606060606060603616e6e02090000000102ac02046472\
6f70022aac0205e0a712000101f4034555520109ac020106060001090103616e6e00060100012a80b518a0c21e010002\
f40345555200070200000000000103020202020202020202020202020202020103030303030303030303030303030303\
0104040404040404040404040404040404010106060606060606060606060606060606ac02";

/// What is behind the digest of that state since the answers it remembers name their sale: version 5.
const GOLDEN_SALES_STATE: &str = "\
01e209455552010801e80700e2070600e8070b090103616e6e0006030202020202020202020202020202020203616e6e\
f40309d80402000303030303030303030303030303030303616e6ef40309d80402000404040404040404040404040404\
040403616e6ef40309d8040200000309090909090909090909090909090909ac02090aac02010a0a0a0a0a0a0a0a0a0a\
0a0a0a0a0a0aac02090c0202020202020202020202020202020202f403d804ac020b0b0b0b0b0b0b0b0b0b0b0b0b0b0b\
0bac02090905050505050505050505050505050505010203030303030303030303030303030303000000040404040404\
040404040404040404040700000101010101010101010101010101010101000101060606060606060606060606060606\
0603616e6e02090000000102ac020464726f70022aac0205e0a712000101f4034555520109ac02010606000109010361\
6e6e00060100012a80b518a0c21e010002f4034555520007020000000000010302020202020202020202020202020202\
010303030303030303030303030303030301040404040404040404040404040404040101060606060606060606060606\
06060606ac0200";

/// The digest of that row as the first batch of partition 3, and of it again as the second.
const GOLDEN_DIGESTS: [&str; 2] = [
    "24060914df9fa27e58280b1c9bbf5ec57c2642f9091618f5ece3ed8526bde19f",
    "edf029199e405a977633436f54b7bb3f58271821971f09d841d739c4d3f13dff",
];

/// The state those facts make.
const GOLDEN_SNAPSHOT: &str = "\
0101e209455552010801e80700da070103de070bfbd8c1a28c340103616e6e0301010202020202020202020202020202\
020203616e6ee209fbd8c1a28c34e0dc2a010103fbd8c1a28c340303030303030303030303030303030300fbd8c1a28c\
340404040404040404040404040404040401fbd8c1a28c34050505050505050505050505050505050208020202020202\
02020202020202020202ac02fbd8c1a28c34010202020202020202020202020202020201e209a8d72403030303030303\
030303030303030303ac02fbd8c1a28c34010303030303030303030303030303030301e20990df240404040404040404\
0404040404040404ac02fbd8c1a28c34010404040404040404040404040404040401e209f8e624050505050505050505\
05050505050505ac02fbd8c1a28c34010505050505050505050505050505050501e209e0ee240c0c0c0c0c0c0c0c0c0c\
0c0c0c0c0c0cac02fbd8c1a28c340402020202020202020202020202020202e0dc2a0d0d0d0d0d0d0d0d0d0d0d0d0d0d\
0d0dac02fbd8c1a28c34020303030303030303030303030303030303616e6e01e2090e0e0e0e0e0e0e0e0e0e0e0e0e0e\
0e0eac02fbd8c1a28c3403040404040404040404040404040404040f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0fac02fbd8c1\
a28c3405da070103de07";

fn at() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_millis)
}

fn order() -> impl Strategy<Value = OrderId> {
    any::<[u8; 16]>().prop_map(OrderId)
}

fn customer() -> impl Strategy<Value = CustomerId> {
    any::<String>().prop_map(|text| CustomerId::from_journal(&text))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    any::<u32>().prop_map(Quantity::from_journal)
}

fn retry() -> impl Strategy<Value = Option<Retry>> {
    let retry = (any::<[u8; 16]>(), any::<u64>())
        .prop_map(|(key, print)| Retry { key: RequestKey(key), fingerprint: Fingerprint(print) });
    option::of(retry)
}

fn offer() -> impl Strategy<Value = Offer> {
    let letters = any::<[u8; 3]>().prop_map(Currency::from_journal);
    let limit = option::of(any::<u32>());
    (any::<u64>(), letters, limit, option::of(at()), option::of(at())).prop_map(
        |(amount, currency, limit_per_customer, opens_at, closes_at)| Offer {
            price: Money { amount, currency },
            limit_per_customer,
            opens_at,
            closes_at,
        },
    )
}

fn entry() -> impl Strategy<Value = Box<CatalogEntry>> {
    let text = || option::of(any::<String>());
    (any::<String>(), text(), text(), text(), text(), option::of(attributes())).prop_map(
        |(name, sku, description, category, image_url, attributes)| {
            let attributes = attributes.unwrap_or_default();
            Box::new(CatalogEntry { name, sku, description, category, image_url, attributes })
        },
    )
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(any::<String>(), any::<String>(), 0..4)
}

fn field() -> impl Strategy<Value = Field<String>> {
    prop_oneof![Just(Field::Keep), Just(Field::Clear), any::<String>().prop_map(Field::Set)]
}

fn change() -> impl Strategy<Value = Box<Change>> {
    let price = option::of(offer().prop_map(|offer| offer.price));
    let facts = (option::of(any::<String>()), price, option::of(any::<bool>()));
    (facts, field(), field(), field(), field(), option::of(attributes())).prop_map(
        |((name, price, active), sku, description, category, image_url, attributes)| {
            Box::new(Change {
                name,
                price,
                active,
                sku,
                description,
                category,
                image_url,
                attributes,
            })
        },
    )
}

fn product() -> impl Strategy<Value = ProductId> {
    (1..=i64::MAX.cast_unsigned()).prop_map(|id| ProductId::new(id).unwrap())
}

fn part() -> impl Strategy<Value = Option<Box<Part>>> {
    prop_oneof![
        Just(None),
        Just(Some(Box::new(Part::new_lead()))),
        product().prop_map(|lead| Some(Box::new(Part::Follower { lead }))),
    ]
}

fn lines() -> impl Strategy<Value = Box<[Line]>> {
    let line = (product(), quantity(), any::<u64>(), sale()).prop_map(
        |(product, quantity, unit_price, sale)| Line { product, quantity, unit_price, sale },
    );
    vec(line, 0..4).prop_map(Into::into)
}

fn sale_id() -> impl Strategy<Value = SaleId> {
    (1..=i64::MAX.cast_unsigned()).prop_map(|id| SaleId::new(id).unwrap())
}

fn sale() -> impl Strategy<Value = Option<SaleId>> {
    option::of(sale_id())
}

fn terms() -> impl Strategy<Value = Box<SaleTerms>> {
    let shared = (sale_id(), any::<String>(), vec(product(), 0..4), at(), at());
    let flags = (any::<bool>(), any::<bool>(), any::<u64>());
    (shared, flags, offer(), any::<u64>()).prop_map(|(shared, flags, offer, units)| {
        let (sale, name, products, opens_at, ends_at) = shared;
        let (paused, sells_before, edition) = flags;
        Box::new(SaleTerms {
            sale,
            name: name.into(),
            products: products.into(),
            opens_at,
            ends_at,
            paused,
            sells_before,
            edition,
            price: offer.price,
            limit_per_customer: offer.limit_per_customer,
            units,
        })
    })
}

fn payment() -> impl Strategy<Value = Box<Payment>> {
    (any::<String>(), any::<String>()).prop_map(|(method, token)| {
        Box::new(Payment { method: method.into(), token: token.into() })
    })
}

fn reason() -> impl Strategy<Value = ReturnReason> {
    prop_oneof![Just(ReturnReason::Cancelled), Just(ReturnReason::Refunded)]
}

fn end() -> impl Strategy<Value = HoldEnd> {
    prop_oneof![Just(HoldEnd::Confirmed), Just(HoldEnd::Released), Just(HoldEnd::Expired)]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::Vip), Just(Priority::Normal)]
}

fn why() -> impl Strategy<Value = TurnRefusal> {
    prop_oneof![
        Just(TurnRefusal::SoldOut),
        Just(TurnRefusal::Inactive),
        Just(TurnRefusal::Full),
        Just(TurnRefusal::UnknownSale),
        any::<u64>().prop_map(|available| TurnRefusal::Insufficient { available }),
        (any::<u32>(), any::<u64>())
            .prop_map(|(limit, owned)| TurnRefusal::CustomerLimit { limit, owned }),
        at().prop_map(|closed_at| TurnRefusal::Closed { closed_at }),
        at().prop_map(|opens_at| TurnRefusal::NotOpen { opens_at }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (offer(), any::<u64>(), entry()).prop_map(|(offer, units, entry)| Event::Created {
            offer,
            units,
            entry
        }),
        (order(), customer(), quantity(), any::<u64>(), sale(), retry()).prop_map(
            |(order, customer, quantity, unit_price, sale, retry)| Event::Purchased {
                order,
                customer,
                quantity,
                unit_price,
                sale,
                retry
            }
        ),
        (order(), customer(), quantity(), any::<u64>(), at(), sale(), part(), retry()).prop_map(
            |(order, customer, quantity, unit_price, expires_at, sale, part, retry)| Event::Held {
                order,
                customer,
                quantity,
                unit_price,
                expires_at,
                sale,
                part,
                retry
            }
        ),
        (order(), lines(), at(), payment(), retry()).prop_map(
            |(order, lines, expires_at, payment, retry)| Event::Placed {
                order,
                lines,
                expires_at,
                payment,
                retry
            }
        ),
        (order(), customer(), quantity(), reason(), sale(), retry()).prop_map(
            |(order, customer, quantity, reason, sale, retry)| Event::Returned {
                order,
                customer,
                quantity,
                reason,
                sale,
                retry
            }
        ),
        (order(), at(), retry()).prop_map(|(order, expires_at, retry)| Event::Extended {
            order,
            expires_at,
            retry
        }),
        (order(), end(), retry()).prop_map(|(order, end, retry)| Event::Ended {
            order,
            end,
            retry
        }),
        (any::<i64>(), any::<String>(), retry()).prop_map(|(delta, reason, retry)| {
            Event::Adjusted { delta, reason: reason.into(), retry }
        }),
        (terms(), retry()).prop_map(|(terms, retry)| Event::SaleSet { terms, retry }),
        sale_id().prop_map(|sale| Event::SaleDropped { sale }),
        (change(), retry()).prop_map(|(change, retry)| Event::Changed { change, retry }),
        (order(), customer(), quantity(), priority(), sale(), retry()).prop_map(
            |(order, customer, quantity, priority, sale, retry)| Event::Queued {
                order,
                customer,
                quantity,
                priority,
                sale,
                retry
            }
        ),
        (order(), customer(), quantity(), at(), why()).prop_map(
            |(order, customer, quantity, queued_at, why)| Event::Refused {
                order,
                customer,
                quantity,
                queued_at,
                why
            }
        ),
        option::of(any::<u32>()).prop_map(|per_second| Event::Paced { per_second }),
        (order(), any::<u64>()).prop_map(|(order, amount)| Event::PaidLate { order, amount }),
        (order(), any::<u64>()).prop_map(|(order, amount)| Event::RefundOwed { order, amount }),
    ]
}

fn section() -> impl Strategy<Value = Section> {
    let product = (1..=i64::MAX as u64).prop_map(|id| ProductId::new(id).unwrap());
    let first_revision = prop_oneof![1..1_000u64, 1..=u64::MAX - 100];
    (product, first_revision, at(), vec(event(), 0..8)).prop_map(
        |(product, first_revision, at, events)| Section { product, first_revision, at, events },
    )
}

fn encoded(sections: &[Section]) -> Vec<u8> {
    let mut row = vec![ROW_VERSION];
    for Section { product, first_revision, at, events } in sections {
        encode_section(&mut row, *product, *first_revision, *at, events);
    }
    row
}

/// Everything a reader does with a row before it trusts it; only a panic is wrong.
fn read_everything(row: &[u8]) {
    let Ok(ranges) = decode_ranges(row) else { return };
    for (section, range) in ranges {
        assert_eq!(decode_piece(&row[range]).as_ref(), Ok(&section));
        assert_eq!(section.entries().count(), section.events.len());
    }
}

/// A state, by random commands; some holds run, some have ended, some keys are remembered.
fn state() -> impl Strategy<Value = Product> {
    let step = (0..14u8, 0..4u8, 1..4u32, 0..40u64, any::<bool>());
    (offer(), 0..60u64, vec(step, 0..80)).prop_map(|(mut offer, units, steps)| {
        (offer.opens_at, offer.closes_at) = (None, None);
        let mut product = Product::default();
        product
            .apply(&Event::Created { offer, units, entry: Box::default() }, Timestamp::default());
        let mut now = 0;
        for (index, (kind, who, units, later, keyed)) in (0u8..).zip(steps) {
            now += later;
            let key = Retry { key: RequestKey([index; 16]), fingerprint: Fingerprint(now) };
            let action = action(kind, index, who, units);
            let command = Command { retry: keyed.then_some(key), action };
            let now = Timestamp::from_millis(now);
            let decision = product.decide(&command, now);
            for order in decision.lapsed {
                product.apply(&Event::Ended { order, end: HoldEnd::Expired, retry: None }, now);
            }
            if let Ok(Verdict::Record(event)) = decision.verdict {
                product.apply(&event, now);
            }
        }
        product
    })
}

fn action(kind: u8, index: u8, who: u8, units: u32) -> Action {
    let customer = CustomerId::new(&format!("customer {who}")).unwrap();
    let quantity = Quantity::new(units).unwrap();
    let (new, old) = (OrderId([index; 16]), OrderId([index.saturating_sub(who + 1); 16]));
    match kind {
        0 | 1 => Action::Purchase { order: new, customer, quantity, sale: None },
        2..=4 => {
            Action::Hold { order: new, customer, quantity, hold_ms: 200, sale: None, part: None }
        }
        5 => Action::Confirm { order: old },
        6 => Action::Release { order: old },
        10 | 11 => {
            let priority = if who == 0 { Priority::Vip } else { Priority::Normal };
            Action::Queue { order: new, customer, quantity, priority, sale: None }
        }
        12 => Action::TakeTurn,
        13 => Action::Pace { per_second: (who > 1).then_some(units) },
        7 => Action::Extend { order: old, hold_ms: 300, extensions_max: 2 },
        8 => {
            let change = Box::new(Change { active: Some(who != 0), ..Change::default() });
            Action::Change { change, expected: None }
        }
        _ => Action::Adjust { delta: i64::from(who) - 1, reason: "counted".into() },
    }
}

proptest! {
    #[test]
    fn facts_come_back_as_they_were(sections in vec(section(), 0..6)) {
        let row = encoded(&sections);
        prop_assert_eq!(decode_row(&row), Ok(sections));
        read_everything(&row);
    }

    #[test]
    fn a_row_cut_off_is_an_error_or_ends_behind_a_section(sections in vec(section(), 1..4)) {
        let row = encoded(&sections);
        for cut in 0..row.len() {
            if let Ok(some) = decode_row(&row[..cut]) {
                prop_assert_eq!(encoded(&some).len(), cut);
                prop_assert_eq!(&some[..], &sections[..some.len()]);
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_panics(sections in vec(section(), 1..4), place in any::<usize>()) {
        let mut row = encoded(&sections);
        let bit = place % (row.len() * 8);
        row[bit / 8] ^= 1 << (bit % 8);
        read_everything(&row);
    }

    #[test]
    fn bytes_nobody_wrote_never_panic(mut bytes in vec(any::<u8>(), 0..400), known: bool) {
        if let (Some(version), true) = (bytes.first_mut(), known) {
            *version = ROW_VERSION;
        }
        read_everything(&bytes);
        let _ = snapshot::decode(&bytes);
    }

    #[test]
    fn a_state_comes_back_as_it_was(product in state()) {
        let bytes = snapshot::encode(&product);
        let again = snapshot::decode(&bytes).unwrap();
        prop_assert_eq!(&again, &product);
        prop_assert_eq!(again.view(), product.view());
        prop_assert_eq!(again.entries(), product.entries());
        // And what is remembered is in the same order: the oldest is forgotten first.
        prop_assert!(again.memory().iter().eq(product.memory().iter()));
        prop_assert!(again.holds().iter_ended().eq(product.holds().iter_ended()));
        let lapsed = |product: &Product| -> Vec<_> {
            product.holds().lapsed(Timestamp::MAX).map(|(order, _)| order).collect()
        };
        prop_assert_eq!(lapsed(&again), lapsed(&product));
    }

    #[test]
    fn a_snapshot_cut_off_or_longer_is_an_error(product in state(), place in any::<usize>()) {
        let mut bytes = snapshot::encode(&product);
        prop_assert!(snapshot::decode(&bytes[..place % bytes.len()]).is_err());
        bytes.push(0);
        prop_assert!(snapshot::decode(&bytes).is_err());
    }

    #[test]
    fn a_flipped_snapshot_is_an_error(product in state(), place in any::<usize>()) {
        let mut bytes = snapshot::encode(&product);
        let bit = place % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(snapshot::decode(&bytes).is_err());
    }
}

#[test]
fn a_row_says_what_is_wrong_with_it() {
    assert_eq!(decode_row(&[]), Err(DecodeError::Empty));
    assert_eq!(decode_row(&[2, 0]), Err(DecodeError::Version(2)));
    assert_eq!(decode_row(&[ROW_VERSION]), Ok(vec![]));
    assert!(matches!(decode_row(&[ROW_VERSION, 1]), Err(DecodeError::Section(_))));
    // product, first revision, time, number of facts
    assert_eq!(decode_row(&[ROW_VERSION, 0, 1, 0, 0]), Err(DecodeError::Value("product id")));
    assert_eq!(decode_row(&[ROW_VERSION, 1, 0, 0, 0]), Err(DecodeError::Value("revision")));
    let mut beyond = vec![ROW_VERSION, 1];
    beyond.extend([0xff; 9]);
    beyond.extend([1, 0, 1]);
    assert_eq!(decode_row(&beyond), Err(DecodeError::Value("revision")));
    assert_eq!(snapshot::decode(&[]).err(), Some(DecodeError::Empty));
    assert_eq!(snapshot::decode(&[9]).err(), Some(DecodeError::Version(9)));
}

/// One fact of each kind, with and without what may be absent.
fn golden_facts() -> Vec<Event> {
    let ann = || CustomerId::new("ann").unwrap();
    let quantity = |units| Quantity::new(units).unwrap();
    let order = |byte| OrderId([byte; 16]);
    let key = |byte: u8| Some(Retry { key: RequestKey([byte; 16]), fingerprint: Fingerprint(300) });
    let time = Timestamp::from_millis;
    let offer = Offer {
        price: Money { amount: 12_50, currency: Currency::new("EUR").unwrap() },
        limit_per_customer: Some(8),
        opens_at: Some(time(1_000)),
        closes_at: None,
    };
    let entry = CatalogEntry {
        name: "Grüner Becher".into(),
        sku: Some("CUP-1".into()),
        description: None,
        category: Some("cups".into()),
        ..CatalogEntry::default()
    };
    let held = |byte, expires_at| Event::Held {
        order: order(byte),
        customer: ann(),
        quantity: quantity(1),
        unit_price: 12_50,
        expires_at: time(expires_at),
        sale: None,
        part: None,
        retry: key(byte),
    };
    let ended = |byte, end, retry| Event::Ended { order: order(byte), end, retry };
    vec![
        Event::Created { offer, units: 1_000, entry: Box::new(entry) },
        Event::Purchased {
            order: order(1),
            customer: ann(),
            quantity: quantity(2),
            unit_price: 12_50,
            sale: None,
            retry: None,
        },
        held(2, 601_000),
        held(3, 602_000),
        held(4, 603_000),
        held(5, 604_000),
        Event::Extended { order: order(2), expires_at: time(700_000), retry: key(12) },
        ended(3, HoldEnd::Confirmed, key(13)),
        ended(4, HoldEnd::Released, key(14)),
        ended(5, HoldEnd::Expired, None),
        Event::Adjusted { delta: -10, reason: "broken in transit".into(), retry: key(15) },
    ]
}

fn golden_section() -> Section {
    let product = ProductId::new(42).unwrap();
    let at = Timestamp::from_millis(1_790_000_000_123);
    Section { product, first_revision: 1, at, events: golden_facts() }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[test]
fn a_row_of_version_1_means_the_same_for_ever() {
    assert_eq!(hex(&encoded(&[golden_section()])), hex(&unhex(GOLDEN_ROW)));
    assert_eq!(decode_row(&unhex(GOLDEN_ROW)), Ok(vec![golden_section()]));
}

/// What came after the first release, each with what may be absent.
#[test]
fn later_facts_mean_the_same_for_ever() {
    let offer = Offer {
        price: Money { amount: 5, currency: Currency::new("EUR").unwrap() },
        limit_per_customer: None,
        opens_at: None,
        closes_at: None,
    };
    let entry = CatalogEntry {
        name: "cup".into(),
        image_url: Some("/cup.png".into()),
        attributes: BTreeMap::from([("size".into(), "L".into())]),
        ..CatalogEntry::default()
    };
    let change = Change {
        name: Some("mug".into()),
        price: Some(Money { amount: 6, ..offer.price }),
        active: Some(false),
        sku: Field::Set("M".into()),
        description: Field::Clear,
        ..Change::default()
    };
    let events = vec![
        Event::Created { offer, units: 1, entry: Box::new(entry) },
        Event::Changed { change: Box::new(change), retry: None },
    ];
    let product = ProductId::new(42).unwrap();
    let section = Section { product, first_revision: 1, at: Timestamp::from_millis(9), events };
    assert_eq!(hex(&encoded(std::slice::from_ref(&section))), hex(&unhex(GOLDEN_LATER)));
    assert_eq!(decode_row(&unhex(GOLDEN_LATER)), Ok(vec![section]));
}

/// Two purchases that wait, what became of one, every reason, and a rate.
fn queue_facts() -> Vec<Event> {
    let customer = || CustomerId::new("ann").unwrap();
    let quantity = Quantity::new(2).unwrap();
    let retry = Some(Retry { key: RequestKey([9; 16]), fingerprint: Fingerprint(300) });
    let queued = |byte, priority, retry| Event::Queued {
        order: OrderId([byte; 16]),
        customer: customer(),
        quantity,
        priority,
        sale: None,
        retry,
    };
    let time = Timestamp::from_millis(300);
    let mut facts = vec![
        queued(1, Priority::Normal, retry),
        queued(2, Priority::Vip, None),
        Event::Paced { per_second: Some(300) },
        Event::Paced { per_second: None },
    ];
    for (why, byte) in [
        TurnRefusal::SoldOut,
        TurnRefusal::Insufficient { available: 1 },
        TurnRefusal::CustomerLimit { limit: 2, owned: 1 },
        TurnRefusal::Closed { closed_at: time },
        TurnRefusal::Inactive,
        TurnRefusal::NotOpen { opens_at: time },
        TurnRefusal::Full,
    ]
    .into_iter()
    .zip(1..)
    {
        let order = OrderId([byte; 16]);
        facts.push(Event::Refused { order, customer: customer(), quantity, queued_at: time, why });
    }
    facts
}

#[test]
fn facts_of_the_queue_mean_the_same_for_ever() {
    let product = ProductId::new(42).unwrap();
    let (at, events) = (Timestamp::from_millis(9), queue_facts());
    let section = Section { product, first_revision: 1, at, events };
    assert_eq!(hex(&encoded(std::slice::from_ref(&section))), hex(&unhex(GOLDEN_QUEUE)));
    assert_eq!(decode_row(&unhex(GOLDEN_QUEUE)), Ok(vec![section]));
}

/// A sale in full and in short, and what is bought, held, returned and queued under one.
fn sale_facts() -> Vec<Event> {
    let sale = |number| SaleId::new(number).unwrap();
    let customer = || CustomerId::new("ann").unwrap();
    let quantity = Quantity::new(2).unwrap();
    let order = |byte| OrderId([byte; 16]);
    let key = |byte: u8| Some(Retry { key: RequestKey([byte; 16]), fingerprint: Fingerprint(300) });
    let time = Timestamp::from_millis;
    let product = |id| ProductId::new(id).unwrap();
    let terms = SaleTerms {
        sale: sale(300),
        name: "drop".into(),
        products: [product(42), product(300)].into(),
        opens_at: time(5),
        ends_at: time(300_000),
        paused: false,
        sells_before: true,
        edition: 1,
        price: Money { amount: 500, currency: Currency::new("EUR").unwrap() },
        limit_per_customer: Some(9),
        units: 300,
    };
    let short = SaleTerms {
        sale: sale(1),
        name: "".into(),
        products: [product(42)].into(),
        opens_at: time(400_000),
        ends_at: time(500_000),
        paused: true,
        sells_before: false,
        edition: 2,
        limit_per_customer: None,
        units: 7,
        ..terms.clone()
    };
    let held = |byte, part, retry| Event::Held {
        order: order(byte),
        customer: customer(),
        quantity,
        unit_price: 500,
        expires_at: time(600),
        sale: Some(sale(300)),
        part,
        retry,
    };
    vec![
        Event::SaleSet { terms: Box::new(terms), retry: key(9) },
        Event::SaleSet { terms: Box::new(short), retry: None },
        Event::Purchased {
            order: order(1),
            customer: customer(),
            quantity,
            unit_price: 500,
            sale: Some(sale(300)),
            retry: None,
        },
        held(2, None, key(10)),
        held(3, Some(Box::new(Part::new_lead())), None),
        held(4, Some(Box::new(Part::Follower { lead: product(7) })), None),
        Event::Queued {
            order: order(5),
            customer: customer(),
            quantity,
            priority: Priority::Vip,
            sale: Some(sale(300)),
            retry: key(11),
        },
        Event::Refused {
            order: order(5),
            customer: customer(),
            quantity,
            queued_at: time(300),
            why: TurnRefusal::UnknownSale,
        },
        Event::Returned {
            order: order(1),
            customer: customer(),
            quantity,
            reason: ReturnReason::Refunded,
            sale: Some(sale(300)),
            retry: None,
        },
        Event::SaleDropped { sale: sale(1) },
    ]
}

#[test]
fn facts_of_sales_mean_the_same_for_ever() {
    let product = ProductId::new(42).unwrap();
    let (at, events) = (Timestamp::from_millis(9), sale_facts());
    let section = Section { product, first_revision: 1, at, events };
    assert_eq!(hex(&encoded(std::slice::from_ref(&section))), hex(&unhex(GOLDEN_SALES)));
    assert_eq!(decode_row(&unhex(GOLDEN_SALES)), Ok(vec![section]));
}

/// Versions 4 and 5: those facts behind a product's first one, all but the drop, and one more purchase in
/// the queue.
#[test]
fn a_snapshot_with_sales_means_the_same_for_ever() {
    let at = Timestamp::from_millis(9);
    let mut product = Product::default();
    product.apply(&golden_facts()[0], at);
    let facts = sale_facts();
    for event in &facts[..facts.len() - 1] {
        product.apply(event, at);
    }
    let mut waiting = facts[6].clone();
    if let Event::Queued { order, retry, .. } = &mut waiting {
        (*order, *retry) = (OrderId([6; 16]), None);
    }
    product.apply(&waiting, at);
    let state = unhex(GOLDEN_SALES_STATE);
    let version_5 = [&[5], blake3::hash(&state).as_bytes().as_slice(), &state].concat();
    assert_eq!(hex(&snapshot::encode(&product)), hex(&version_5));
    assert_eq!(snapshot::decode(&version_5), Ok(product.clone()));
    // Version 4 is the same but for the sale that the remembered answer to the hold names.
    let decoded = snapshot::decode(&unhex(GOLDEN_SALES_SNAPSHOT)).unwrap();
    assert_eq!(decoded.view_at(at), product.view_at(at));
    assert_eq!((decoded.sales(), decoded.holds()), (product.sales(), product.holds()));
    assert_eq!((decoded.queue(), decoded.customers()), (product.queue(), product.customers()));
    let key = RequestKey([10; 16]);
    let remembered = |product: &Product| product.memory().get(&key).map(|(.., answer)| answer);
    assert!(matches!(remembered(&decoded), Some(Answer::Held { sale: None, .. })));
    assert!(matches!(remembered(&product), Some(Answer::Held { sale: Some(_), .. })));
    // Over, it forgets whose units those were: that is kept as well.
    let over = Timestamp::from_millis(450_000);
    product
        .apply(&Event::Ended { order: OrderId([2; 16]), end: HoldEnd::Expired, retry: None }, over);
    assert_eq!(snapshot::decode(&snapshot::encode(&product)), Ok(product));
}

/// An order of which one line is of a sale; and the snapshot of its lead, of version 5.
#[test]
fn an_order_with_lines_under_sales_means_the_same_for_ever() {
    let line = |product, quantity, unit_price, sale: Option<u64>| Line {
        product: ProductId::new(product).unwrap(),
        quantity: Quantity::from_journal(quantity),
        unit_price,
        sale: sale.and_then(SaleId::new),
    };
    let order = OrderId([7; 16]);
    let placed = Event::Placed {
        order,
        lines: [line(42, 2, 800, Some(300)), line(43, 1, 999, None)].into(),
        expires_at: Timestamp::from_millis(1_000),
        payment: Box::new(Payment { method: "webhook".into(), token: "t".into() }),
        retry: None,
    };
    let (product, at) = (ProductId::new(42).unwrap(), Timestamp::from_millis(9));
    let section = Section { product, first_revision: 1, at, events: vec![placed.clone()] };
    let golden = format!(
        "012a010901 16{} 02 2a02a006 2b01e707 02 ac02 00 e807 07776562686f6f6b 0174 00",
        hex(&[7; 16])
    );
    assert_eq!(hex(&encoded(std::slice::from_ref(&section))), hex(&unhex(&golden)));
    assert_eq!(decode_row(&unhex(&golden)), Ok(vec![section]));

    let mut lead = Product::default();
    lead.apply(&golden_facts()[0], at);
    lead.apply(
        &Event::Held {
            order,
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(2),
            unit_price: 800,
            expires_at: Timestamp::from_millis(1_000),
            sale: None,
            part: Some(Box::new(Part::new_lead())),
            retry: None,
        },
        at,
    );
    assert_eq!(snapshot::encode(&lead)[0], 4, "nothing there that version 4 does not know");
    lead.apply(&placed, at);
    let bytes = snapshot::encode(&lead);
    assert_eq!(bytes[0], 5);
    // Behind what version 4 has: one order, of two lines, the first of sale 300.
    let behind = unhex(&format!("01{} 02 ac02 00", hex(&[7; 16])));
    assert_eq!(hex(&bytes[bytes.len() - behind.len()..]), hex(&behind));
    assert_eq!(snapshot::decode(&bytes), Ok(lead));
}

/// A late payment, and that it goes back.
#[test]
fn facts_of_late_payments_mean_the_same_for_ever() {
    let events = vec![
        Event::PaidLate { order: OrderId([6; 16]), amount: 300 },
        Event::RefundOwed { order: OrderId([7; 16]), amount: 5 },
    ];
    let product = ProductId::new(42).unwrap();
    let section = Section { product, first_revision: 1, at: Timestamp::from_millis(9), events };
    let orders = [[6_u8; 16], [7; 16]].map(|order| hex(&order));
    let golden = format!("012a010902 0e{}ac02 0f{}05", orders[0], orders[1]);
    assert_eq!(hex(&encoded(std::slice::from_ref(&section))), hex(&unhex(&golden)));
    assert_eq!(decode_row(&unhex(&golden)), Ok(vec![section]));
}

#[test]
fn the_chain_of_digests_is_the_same_for_ever() {
    let row = unhex(GOLDEN_ROW);
    let mut digest = Digest::GENESIS;
    for (seq, golden) in (1..).zip(GOLDEN_DIGESTS) {
        let recorded_at = Timestamp::from_millis(1_790_000_000_123 + seq);
        digest = digest.next(PartitionId(3), Seq(seq), Epoch(5), recorded_at, &row);
        assert_eq!(digest.to_string(), golden, "batch {seq}");
    }
}

#[test]
fn snapshots_of_every_version_mean_the_same_for_ever() {
    let section = golden_section();
    let mut product = Product::default();
    for event in &section.events {
        product.apply(event, section.at);
    }
    let version_1 = unhex(GOLDEN_SNAPSHOT);
    // No lines of orders, none that came back, sold, never changed since its first fact.
    let state = [&version_1[1..], &[0, 0, 0, 1]].concat();
    let digest = blake3::hash(&state);
    let version_2 = [&[2], digest.as_bytes().as_slice(), &state].concat();
    // Nobody waits, no rate of its own, nobody decided.
    let state = [&state[..], &[0, 0, 0, 0, 0]].concat();
    let digest = blake3::hash(&state);
    let version_3 = [&[3], digest.as_bytes().as_slice(), &state].concat();
    // No sales: nothing was ever taken under one, no hold and nobody who waits names one.
    let state = [&state[..], &[0, 0, 0, 0]].concat();
    let digest = blake3::hash(&state);
    let version_4 = [&[4], digest.as_bytes().as_slice(), &state].concat();
    assert_eq!(hex(&snapshot::encode(&product)), hex(&version_4));
    assert_eq!(snapshot::decode(&version_4), Ok(product.clone()));
    assert_eq!(snapshot::decode(&version_3), Ok(product.clone()));
    assert_eq!(snapshot::decode(&version_1), Ok(product.clone()));
    assert_eq!(snapshot::decode(&version_2), Ok(product.clone()));
    // The queue behind all that: one in each class, a rate, one refused.
    for event in &queue_facts()[..3] {
        product.apply(event, Timestamp::from_millis(9));
    }
    let refused = Event::Refused {
        order: OrderId([7; 16]),
        customer: CustomerId::new("ann").unwrap(),
        quantity: Quantity::new(2).unwrap(),
        queued_at: Timestamp::default(),
        why: TurnRefusal::SoldOut,
    };
    let waiting = Event::Queued {
        order: OrderId([7; 16]),
        customer: CustomerId::new("ann").unwrap(),
        quantity: Quantity::new(2).unwrap(),
        priority: Priority::Normal,
        sale: None,
        retry: None,
    };
    product.apply(&waiting, Timestamp::from_millis(9));
    product.apply(&refused, Timestamp::from_millis(9));
    let entry = |byte: u8| [&[byte; 16][..], b"\x03ann", &[2, 9]].concat();
    let queue = [&[1], &entry(2)[..], &[1], &entry(1), &[1, 0xac, 2, 0, 1], &[0; 4]].concat();
    let bytes = snapshot::encode(&product);
    assert_eq!(hex(&bytes[bytes.len() - queue.len()..]), hex(&queue));
    assert_eq!(snapshot::decode(&bytes), Ok(product));
}
