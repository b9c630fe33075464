//! The presets that come with the program, in the order of their names.

use std::sync::LazyLock;

use reseal_plan::Preset;

/// The files, as they were when this program was built.
const FILES: &[(&str, &str)] = &[
    ("airflow.yaml", include_str!("../presets/airflow.yaml")),
    ("attr-encrypted.yaml", include_str!("../presets/attr-encrypted.yaml")),
    ("bitwarden.yaml", include_str!("../presets/bitwarden.yaml")),
    ("ciphersweet-boring.yaml", include_str!("../presets/ciphersweet-boring.yaml")),
    ("ciphersweet-fips.yaml", include_str!("../presets/ciphersweet-fips.yaml")),
    ("ciphersweet-modern.yaml", include_str!("../presets/ciphersweet-modern.yaml")),
    ("cloak-ecto.yaml", include_str!("../presets/cloak-ecto.yaml")),
    ("crypto-js.yaml", include_str!("../presets/crypto-js.yaml")),
    ("django-cryptography.yaml", include_str!("../presets/django-cryptography.yaml")),
    ("django-fernet.yaml", include_str!("../presets/django-fernet.yaml")),
    ("grafana.yaml", include_str!("../presets/grafana.yaml")),
    ("jasypt.yaml", include_str!("../presets/jasypt.yaml")),
    ("jwe.yaml", include_str!("../presets/jwe.yaml")),
    ("laravel.yaml", include_str!("../presets/laravel.yaml")),
    ("lockbox.yaml", include_str!("../presets/lockbox.yaml")),
    ("magento.yaml", include_str!("../presets/magento.yaml")),
    ("metabase.yaml", include_str!("../presets/metabase.yaml")),
    ("mongodb-csfle.yaml", include_str!("../presets/mongodb-csfle.yaml")),
    ("mysql-aes.yaml", include_str!("../presets/mysql-aes.yaml")),
    ("n8n.yaml", include_str!("../presets/n8n.yaml")),
    ("node-cbc.yaml", include_str!("../presets/node-cbc.yaml")),
    ("node-gcm.yaml", include_str!("../presets/node-gcm.yaml")),
    ("openemr.yaml", include_str!("../presets/openemr.yaml")),
    ("pgcrypto-raw.yaml", include_str!("../presets/pgcrypto-raw.yaml")),
    ("prisma-cloak.yaml", include_str!("../presets/prisma-cloak.yaml")),
    ("rails.yaml", include_str!("../presets/rails.yaml")),
    ("secretbox.yaml", include_str!("../presets/secretbox.yaml")),
    ("spring.yaml", include_str!("../presets/spring.yaml")),
    ("sqlalchemy-aes.yaml", include_str!("../presets/sqlalchemy-aes.yaml")),
    ("sqlalchemy-gcm.yaml", include_str!("../presets/sqlalchemy-gcm.yaml")),
    ("superset.yaml", include_str!("../presets/superset.yaml")),
    ("tink.yaml", include_str!("../presets/tink.yaml")),
    ("vault-transit.yaml", include_str!("../presets/vault-transit.yaml")),
];

/// The presets.
#[must_use]
pub fn presets() -> &'static [Preset] {
    static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
        // A test of this crate checks each of them, so that no command has to when it starts.
        let read = |(name, text): &(&str, &str)| {
            Preset::of_checked(name, text).unwrap_or_else(|problems| unreachable!("{problems}"))
        };
        FILES.iter().map(read).collect()
    });
    &PRESETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_without_mistakes() {
        for (name, text) in FILES {
            if let Err(problems) = Preset::read(name, text, &crate::plugins()) {
                panic!("{problems}");
            }
        }
    }

    #[test]
    fn each_file_is_a_preset_of_its_name() {
        let names: Vec<&str> = presets().iter().map(|preset| preset.name.as_str()).collect();
        let files: Vec<&str> = FILES.iter().filter_map(|(file, _)| file.strip_suffix(".yaml")).collect();
        assert_eq!(names, files);
        assert!(files.is_sorted());
    }
}
