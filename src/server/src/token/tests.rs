//! Every algorithm, and what a token must be to count.

use node::auth::{Claims, Signer, TokenKind};

use super::{INVALID, choose};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/token/keys");

/// All of etcd's algorithms with the keys that fit.
const ALGORITHMS: [(&str, &str); 13] = [
    ("HS256", "ed25519"),
    ("HS384", "ed25519"),
    ("HS512", "ed25519"),
    ("RS256", "rsa"),
    ("RS384", "rsa"),
    ("RS512", "rsa"),
    ("PS256", "rsa"),
    ("PS384", "rsa"),
    ("PS512", "rsa"),
    ("ES256", "p256"),
    ("ES384", "p384"),
    ("ES512", "p521"),
    ("EdDSA", "ed25519"),
];

fn signer(flag: &str) -> std::sync::Arc<dyn Signer> {
    let chosen = choose(flag, 0);
    match chosen.map(|chosen| chosen.tokens) {
        Ok(TokenKind::Signed(signer)) => signer,
        Ok(other) => panic!("{flag} chooses {other:?}"),
        Err(error) => panic!("{flag}: {error}"),
    }
}

fn private(method: &str, key: &str) -> String {
    format!("jwt,sign-method={method},priv-key={KEYS}/{key}.pem")
}

fn public(method: &str, key: &str) -> String {
    format!("jwt,sign-method={method},pub-key={KEYS}/{key}.pem")
}

fn claims() -> Claims {
    Claims { user: "u".into(), revision: 7 }
}

fn refused(flag: &str) -> String {
    choose(flag, 0).err().unwrap_or_else(|| panic!("{flag} is taken"))
}

#[test]
fn every_algorithm_signs_what_its_public_key_reads() {
    for (method, key) in ALGORITHMS {
        let signer = signer(&(private(method, key) + ",ttl=10s"));
        assert!(signer.can_sign());
        let token = signer.sign(&claims(), 1000).expect("there is a private key");
        assert_eq!(signer.verify(&token, 1009), Some(claims()), "{method}");
        assert_eq!(signer.verify(&token, 1010), None, "{method} has expired");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let other = signer.sign(&Claims { revision: 8, ..claims() }, 1000).expect("as above");
        let (other, _) = other.rsplit_once('.').expect("three parts");
        assert_eq!(signer.verify(&format!("{other}.{signature}"), 1000), None, "{method}");
        assert_eq!(signer.verify(&format!("{signed}."), 1000), None, "{method}");
        if method.starts_with("HS") {
            continue;
        }
        let reader = self::signer(&public(method, &format!("{key}.pub")));
        assert!(!reader.can_sign());
        assert_eq!(reader.verify(&token, 1009), Some(claims()), "{method}");
        assert_eq!(reader.sign(&claims(), 1000), Err("key is invalid".into()));
    }
}

#[test]
fn a_token_of_another_algorithm_or_of_none_does_not_count() {
    let tokens: Vec<String> = ALGORITHMS
        .map(|(method, key)| signer(&private(method, key)).sign(&claims(), 1000).expect("signs"))
        .into();
    for (at, (method, key)) in ALGORITHMS.into_iter().enumerate() {
        let reader = signer(&private(method, key));
        for (other, token) in tokens.iter().enumerate() {
            let counts = reader.verify(token, 1000).is_some();
            assert_eq!(counts, at == other, "{method} reads {}", ALGORITHMS[other].0);
        }
        for none in ["", "..", "a.b.c", "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6InUifQ."] {
            assert_eq!(reader.verify(none, 1000), None, "{method} reads {none:?}");
        }
    }
}

#[test]
fn tokens_of_others_are_read_whatever_salt_they_took() {
    let token = include_str!("keys/ps256.token");
    let reader = signer(&public("PS256", "rsa.pub"));
    assert_eq!(reader.verify(token, 1000), Some(claims()));
    assert_eq!(reader.verify(token, 4_000_000_000), None);
}

#[test]
fn keys_come_in_every_form_that_go_reads() {
    let token = |flag: &str| signer(flag).sign(&claims(), 1000).expect("signs");
    let rsa = token(&private("RS256", "rsa.pkcs1"));
    assert_eq!(signer(&public("RS256", "rsa.pub")).verify(&rsa, 1000), Some(claims()));
    let ec = token(&private("ES256", "p256.pkcs8"));
    assert_eq!(signer(&public("ES256", "p256.pub")).verify(&ec, 1000), Some(claims()));
    let certified = public("ES256", "p256.cert");
    assert_eq!(signer(&certified).verify(&ec, 1000), Some(claims()));
    let both = private("ES256", "p256") + &format!(",pub-key={KEYS}/p256.pub.pem");
    assert!(signer(&both).can_sign());
}

#[test]
fn what_is_wrong_with_the_flag_is_told_in_etcds_words() {
    for flag in [
        "seven",
        "jwt",
        "simple,a",
        "simple,a=1,a=2",
        "jwt,sign-method=XX256",
        "jwt,sign-method=RS256,priv-key=/no/such/file",
        "jwt,sign-method=RS256,ttl=soon",
        "jwt,sign-method=a=b",
    ] {
        assert_eq!(refused(flag), INVALID, "{flag}");
    }
    for method in ["RS256", "PS512", "ES512", "EdDSA", "HS256"] {
        let text = refused(&format!("jwt,sign-method={method}"));
        assert_eq!(text, "auth: missing key data", "{method}");
    }
    let mismatch = private("RS256", "rsa.pkcs1");
    assert!(choose(&(mismatch + &format!(",pub-key={KEYS}/rsa.pub.pem")), 0).is_ok());
    let text = refused(&private("RS256", "p256"));
    assert_eq!(text, "key is not a valid RSA private key");
    let text = refused(&public("ES256", "ps256"));
    assert_eq!(text, INVALID, "there is no such file");
    let chosen = choose(&(private("RS256", "rsa") + ",color=red"), 0);
    assert_eq!(chosen.map(|chosen| chosen.unknown), Ok(vec!["color".to_owned()]));
}

#[test]
fn keys_that_do_not_belong_together_are_refused() {
    let one = format!("{KEYS}/p256.pem");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let other = dir.path().join("other.pem");
    // A public key on the same curve: the generator itself.
    let generator = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n\
        6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n\
        -----END PUBLIC KEY-----\n";
    std::fs::write(&other, generator).expect("it is writable");
    let flag = format!("jwt,sign-method=ES256,priv-key={one},pub-key={}", other.display());
    assert_eq!(refused(&flag), "auth: public and private keys don't match");
}

#[test]
fn simple_tokens_have_a_time_to_live() {
    let ttl = |seconds| match choose("simple", seconds).map(|chosen| chosen.tokens) {
        Ok(TokenKind::Simple { ttl }) => ttl.as_secs(),
        _ => panic!("simple tokens are simple"),
    };
    assert_eq!((ttl(0), ttl(7)), (300, 7));
    assert!(matches!(choose("", 0).map(|chosen| chosen.tokens), Ok(TokenKind::Off)));
}
