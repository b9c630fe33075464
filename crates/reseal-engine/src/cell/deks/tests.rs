//! A KEK that counts what it is asked, and does not always answer.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use reseal_core::{Kek, KekError, KekFault, SecretBytes};

use super::*;
use crate::error::Advise;

/// Turns each byte of a DEK around; answers first what `answers` hold. One that `lies` unwraps to something else.
struct Counting {
    asked: Mutex<u32>,
    answers: Mutex<VecDeque<KekFault>>,
    lies: bool,
}

impl Counting {
    fn key(answers: &[KekFault]) -> (Key, Arc<Counting>) {
        let answers = Mutex::new(answers.iter().copied().collect());
        let kek = Arc::new(Counting { asked: Mutex::default(), answers, lies: false });
        (Key::of_kek("v1", kek.clone()), kek)
    }

    fn liar() -> Key {
        let (asked, answers) = (Mutex::default(), Mutex::default());
        Key::of_kek("v1", Arc::new(Counting { asked, answers, lies: true }))
    }

    fn turned(&self, bytes: &[u8]) -> Result<Vec<u8>, KekError> {
        *self.asked.lock().unwrap() += 1;
        match self.answers.lock().unwrap().pop_front() {
            Some(fault) => Err(KekError::new(fault, "no")),
            None => Ok(bytes.iter().map(|byte| !byte).collect()),
        }
    }

    fn asked(&self) -> u32 {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Kek for Counting {
    fn identity(&self) -> &str {
        "counting"
    }

    async fn wrap(&self, dek: &SecretBytes, _: &KekContext) -> Result<Vec<u8>, KekError> {
        tokio::task::yield_now().await;
        self.turned(dek.expose())
    }

    async fn unwrap(&self, wrapped: &[u8], _: &KekContext) -> Result<SecretBytes, KekError> {
        tokio::task::yield_now().await;
        let mut dek = self.turned(wrapped)?;
        dek[0] ^= u8::from(self.lies);
        Ok(SecretBytes::new(dek))
    }
}

const WRAPPED: [u8; 4] = [0, 1, 2, 3];

async fn unwrapped(cache: &DekCache, key: &Key) -> Result<Option<Vec<u8>>, RunError> {
    let dek = cache.unwrap(key, &WRAPPED, &KekContext::default()).await?;
    Ok(dek.map(|dek| dek.expose().to_vec()))
}

#[tokio::test]
async fn a_wrapped_dek_is_asked_about_once_also_by_many_at_once() {
    let (cache, (key, kek)) = (DekCache::default(), Counting::key(&[]));
    let all = futures::future::join_all((0..50).map(|_| unwrapped(&cache, &key))).await;
    assert!(all.into_iter().all(|dek| dek.unwrap().unwrap() == [255, 254, 253, 252]));
    assert_eq!(kek.asked(), 1);
    let other = KekContext([("tenant".to_owned(), "1".to_owned())].into());
    cache.unwrap(&key, &WRAPPED, &other).await.unwrap();
    assert_eq!(kek.asked(), 1, "another context is another question");
}

#[tokio::test]
async fn a_kek_that_does_not_answer_is_asked_again_and_one_that_says_invalid_is_not() {
    let (cache, (key, kek)) =
        (DekCache::default(), Counting::key(&[KekFault::Throttled, KekFault::Unavailable]));
    assert!(unwrapped(&cache, &key).await.unwrap().is_some());
    assert_eq!(kek.asked(), 3);
    let (cache, (key, kek)) = (DekCache::default(), Counting::key(&[KekFault::Invalid]));
    assert_eq!(unwrapped(&cache, &key).await.unwrap(), None);
    assert_eq!(unwrapped(&cache, &key).await.unwrap(), None);
    assert_eq!(kek.asked(), 1);
}

#[tokio::test]
async fn a_refusal_ends_it_and_is_not_remembered() {
    let (cache, (key, kek)) = (DekCache::default(), Counting::key(&[KekFault::Refused; 4]));
    let error = unwrapped(&cache, &key).await.unwrap_err();
    assert_eq!((error.advice().code, error.advice().class), ("kek-refused", crate::Class::Stopped));
    assert_eq!(kek.asked(), 4);
    assert!(unwrapped(&cache, &key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_kek_proves_that_it_gives_back_what_it_wraps() {
    let context = KekContext::default();
    let (cache, (key, kek)) = (DekCache::default(), Counting::key(&[]));
    assert!(cache.proves(&key, 32, &context).await.unwrap());
    assert_eq!(kek.asked(), 2);
    assert_eq!(cache.stand_in(&key, 32, &context).await.unwrap().len(), 32);
    assert_eq!(kek.asked(), 0, "what was wrapped for the proof stands in for others");
}

/// P1: what would not unwrap to the same DEK again is never written.
#[tokio::test]
async fn a_kek_that_unwraps_to_something_else_wraps_nothing() {
    let (cache, key, context) = (DekCache::default(), Counting::liar(), KekContext::default());
    let dek = key.derived(SecretBytes::new(vec![7; 32]));
    assert_eq!(
        cache.wrap_again(Wrapping { key: &key, context: &context }, &[0; 32], &dek).await.unwrap(),
        None
    );
    assert!(!cache.proves(&key, 32, &context).await.unwrap());
}
