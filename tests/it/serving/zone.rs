//! The zone is kept with the data: a server with another zone is refused, on every database,
//! whoever was first.

use super::daemon::{Daemon, told};
use etutor::error::Error;
use etutor::storage::zone::{zone_claim, zone_of_data};
use etutor::testing::on_every_database;

#[test]
fn a_server_of_another_zone_than_the_data_does_not_start() {
    on_every_database(async |db| {
        let url = db.options().url.clone();
        let folder = tempfile::tempdir().unwrap();
        let outbox = folder.path().join("outbox.jsonl").display().to_string();
        let of = |zone: &'static str| {
            [
                ("ETUTOR__DATABASE__URL", url.clone()),
                ("ETUTOR__ZONE", zone.to_owned()),
                ("ETUTOR__TESTING", "true".to_owned()),
            ]
        };
        let start = async |zone| {
            let settings = of(zone);
            Daemon::start(&settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await
        };
        // A new database takes the zone of the first server; a second server of the same zone is
        // welcome.
        let (first, _) = start("America/New_York").await;
        assert_eq!(zone_of_data(db.reader()).await.unwrap().as_deref(), Some("America/New_York"));
        let (second, _) = start("America/New_York").await;
        second.end("TERM").await;
        // A replica of another zone ends, beside the first and without it, in testing mode and not.
        for testing in ["true", "false"] {
            let settings = of("Asia/Shanghai");
            let mut settings = settings.each_ref().map(|(name, value)| (*name, value.as_str())).to_vec();
            settings[2].1 = testing;
            settings.extend([
                ("ETUTOR__ADMINS", "[{name: wang, phone: '+99900000001', mail: wang@example.test}]"),
                ("ETUTOR__SMS__GATEWAY", "file"),
                ("ETUTOR__SMS__OUTBOX_FILE", outbox.as_str()),
                ("ETUTOR__MAIL__GATEWAY", "file"),
                ("ETUTOR__MAIL__OUTBOX_FILE", outbox.as_str()),
            ]);
            let (code, text) = told(&settings, &[]).await;
            assert_eq!(code, 78, "{text}");
            assert!(
                text.contains("zone: is Asia/Shanghai, but") && text.contains("`zone: America/New_York`"),
                "{text}"
            );
        }
        first.end("TERM").await;
        let settings = of("Asia/Shanghai");
        let (code, text) = told(&settings.each_ref().map(|(name, value)| (*name, value.as_str())), &[]).await;
        assert!(code == 78 && text.contains("America/New_York"), "{code} {text}");
        let (again, _) = start("America/New_York").await;
        again.end("TERM").await;
    });
}

#[test]
fn of_servers_that_start_together_on_a_new_database_one_zone_wins() {
    on_every_database(async |db| {
        let other = db.replica().await;
        let (one, two) = tokio::join!(zone_claim(&db, "Asia/Shanghai"), zone_claim(&other, "Europe/Berlin"));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let refused = one.and(two).unwrap_err();
        assert!(matches!(&refused, Error::Invalid { field, .. } if field == "zone"), "{refused:?}");
    });
}
