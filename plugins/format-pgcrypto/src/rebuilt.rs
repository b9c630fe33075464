//! With the same random bytes, what is written is byte for byte what pgcrypto wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_core::{Key, Plaintext, SecretBytes};

use crate::format::unlock;
use crate::fresh::Fresh;
use crate::message::Message;
use crate::payload::{self, Payload};
use crate::recent::Recent;
use crate::recipe::{self, Recipe};
use crate::s2k::{Count, Mode};

/// The random bytes that a message was made of.
fn fresh_of(message: &Message, key: &[u8], text: &[u8]) -> Fresh {
    let mut fresh = Fresh { salt: [0; 8], count: Count(0), prefix: [0; 16], session: [0; 32] };
    if let Mode::Salted(salt) | Mode::Iterated(salt, _) = message.s2k.mode {
        fresh.salt = salt;
    }
    fresh.session[..key.len()].copy_from_slice(key);
    fresh.prefix.copy_from_slice(&text[..16]);
    fresh
}

#[test]
fn every_message_is_rebuilt() {
    let json: serde_json::Value = serde_json::from_str(include_str!("../vectors/pgcrypto.json")).unwrap();
    let passphrase = json["passphrase"].as_str().unwrap().as_bytes();
    let mut rebuilt = 0;
    for vector in json["vectors"].as_array().unwrap() {
        let options = vector["options"].as_str().unwrap();
        // Two deflaters seldom agree on every bit; armor is tested where it is made.
        if options.contains("compress-algo=1")
            || options.contains("compress-algo=2")
            || vector["armor"] == true
        {
            continue;
        }
        let bytes = STANDARD.decode(vector["cell"].as_str().unwrap()).unwrap();
        let message = Message::read(&bytes).unwrap().unwrap();
        let derived = message.s2k.derive(passphrase, message.cipher.key_length());
        let (cipher, key) = match &message.session {
            None => (message.cipher, derived),
            Some(session) => unlock(message.cipher, &derived, session).unwrap(),
        };
        let text = payload::decrypt(cipher, &key, &message.body, message.mdc).unwrap();
        let fresh = fresh_of(&message, &key, &text);
        let payload = Payload::read(cipher, &text, message.mdc).unwrap();
        let plaintext = Plaintext::new(payload.data.to_vec());
        let plaintext = plaintext.with_aside(recipe::write_aside(cipher, &payload));
        let recipe = Recipe::like(&message, b't', &plaintext);
        let key = Key::new("same", SecretBytes::new(passphrase.to_vec()));
        let again = recipe.seal(plaintext.expose(), &key, &fresh, &Recent::default());
        assert!(again.write() == bytes, "{options}");
        rebuilt += 1;
    }
    assert!(rebuilt > 70, "{rebuilt}");
}
