//! How many classes coaches of a rank may have in a season: what is set holds from then on.

use super::stage::{MATH, SATURDAY, Stage, TH, each, evening};
use crate::grpc::reason;
use etutor::rpc::pb;
use etutor::testing::{Academy, on_every_app_at};
use tonic::Status;

async fn set(stage: &Stage, limits: &[(i32, i32, i32)]) -> Result<Vec<pb::RankLimit>, Status> {
    let request = pb::SetClassLimitsRequest {
        season: "spring".to_owned(),
        limits: limits.iter().map(|&(rank, base, most)| pb::ClassLimit { rank, base, most }).collect(),
        operator: "wang".to_owned(),
        remark: "开学季".to_owned(),
        request_id: String::new(),
    };
    Ok(stage.coaches().set_class_limits(request).await?.into_inner().limits)
}

/// `1: 6/6`, and who set it.
fn shown(limits: &[pb::RankLimit]) -> Vec<String> {
    let one = |row: &pb::RankLimit| {
        let pb::ClassLimit { rank, base, most } = row.limit.unwrap();
        assert_eq!(row.operator.is_empty(), row.set_time.is_none());
        format!("{rank}: {base}/{most} {}", row.operator).trim_end().to_owned()
    };
    limits.iter().map(one).collect()
}

/// Two templates that do not overlap, one student in each; two coaches of rank 1.
fn two_classes() -> Academy {
    Academy::new()
        .period("17:00", "18:00")
        .template("early", TH)
        .period("19:00", "20:30")
        .template("math", TH)
        .coaches(1)
        .students(2)
}

#[test]
fn limits_are_set_by_rank_and_listed_with_those_of_the_configuration() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(1)).await;
        let list = async |season: &str| {
            let request = pb::ListClassLimitsRequest { season: season.to_owned() };
            stage.coaches().list_class_limits(request).await.map(|found| found.into_inner().limits)
        };
        assert_eq!(shown(&list("spring").await.unwrap()), ["1: 6/6", "2: 5/5", "3: 4/4", "4: 3/3", "5: 2/2"]);
        set(&stage, &[(5, 0, 1), (1, 6, 8)]).await.unwrap();
        let answer = set(&stage, &[(5, 1, 1)]).await.unwrap();
        let now = ["1: 6/8 wang", "2: 5/5", "3: 4/4", "4: 3/3", "5: 1/1 wang"];
        assert_eq!(shown(&answer), now);
        assert_eq!(shown(&list("spring").await.unwrap()), now);
        assert_eq!(answer[0].remark, "开学季");

        let field = async |limits: &[(i32, i32, i32)]| {
            crate::grpc::invalid_field(&set(&stage, limits).await.unwrap_err())
        };
        assert_eq!(field(&[]).await, "limits");
        assert_eq!(field(&[(2, 1, 1), (2, 1, 1)]).await, "limits[1].rank");
        assert_eq!(field(&[(6, 1, 1)]).await, "limits[0].rank");
        assert_eq!(field(&[(2, 3, 2)]).await, "limits[0].most");
        assert_eq!(field(&[(2, 1, 101)]).await, "limits[0].most");
        // The last day of the season still counts, the day after it does not.
        stage.set_clock("2026-06-28T23:59").await;
        set(&stage, &[(2, 1, 1)]).await.unwrap();
        stage.set_clock("2026-06-29T00:00").await;
        assert_eq!(reason(&set(&stage, &[(2, 2, 2)]).await.unwrap_err()), "SEASON_OVER");
        assert_eq!(shown(&list("spring").await.unwrap())[1], "2: 1/1 wang");

        // A season that goes takes its limits along.
        let season = pb::Season { code: "empty".to_owned(), ..stage.academy.season.clone() };
        let request = pb::UpsertSeasonRequest { season: Some(season), ..Default::default() };
        stage.catalog().upsert_season(request).await.unwrap();
        stage.set_clock(SATURDAY).await;
        let request = pb::SetClassLimitsRequest {
            season: "empty".to_owned(),
            limits: vec![pb::ClassLimit { rank: 1, base: 1, most: 1 }],
            operator: "wang".to_owned(),
            remark: "x".to_owned(),
            request_id: String::new(),
        };
        stage.coaches().set_class_limits(request).await.unwrap();
        stage.catalog().delete_season(pb::DeleteSeasonRequest { code: "empty".to_owned() }).await.unwrap();
    });
}

#[test]
fn automatic_invitations_keep_the_base_and_a_limit_that_rises_counts_at_once() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, evening().coaches(2).students(1)).await;
        set(&stage, &[(1, 0, 0)]).await.unwrap();
        stage.academy.reserve_all(&stage, "math", 1, 1, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        // A minute is remembered in which nobody could be asked …
        stage.minute("2026-03-02T08:00").await;
        stage.set_clock("2026-03-02T08:01").await;
        let report = stage.fire("invite exec", None).await;
        assert_eq!((report.changed, report.skipped["RANK_LIMIT"]), (0, 2), "{report:?}");
        assert_eq!(stage.invite(1, MATH, None).await, "RANK_LIMIT");
        // … until the limit changes.
        set(&stage, &[(1, 1, 1)]).await.unwrap();
        stage.minute("2026-03-02T08:02").await;
        assert_eq!(stage.asked(MATH).await, each([1, 2], "SENT"));
        stage.messages().await;
    });
}

#[test]
fn by_hand_staff_give_more_and_the_answer_is_judged_alike() {
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, two_classes()).await;
        set(&stage, &[(1, 1, 2)]).await.unwrap();
        stage.academy.reserve_all(&stage, "early", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "math", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        // Asked for both, the coach may say yes to one …
        let early = "early@2026-03-05";
        stage.minute("2026-03-02T08:30").await;
        stage.ready(&[1], early).await;
        assert_eq!(stage.asked(MATH).await, each([1], "SENT"));
        assert_eq!(stage.yes(1, MATH).await, "RANK_LIMIT");
        stage.messages().await;
        // … and when the limit falls, that stays, whatever is sized again.
        set(&stage, &[(1, 0, 0)]).await.unwrap();
        let row = pb::Coach { phone: "+99917777777".to_owned(), ..stage.academy.coaches[0].clone() };
        let request = pb::UpsertCoachRequest { coach: Some(row), request_id: String::new() };
        stage.coaches().upsert_coach(request).await.unwrap();
        stage.minute("2026-03-02T08:31").await;
        assert_eq!(stage.asked(early).await, each([1], "READY"));
        stage.messages().await;
    });
    on_every_app_at(SATURDAY, async |app| {
        let stage = Stage::set(app, two_classes()).await;
        set(&stage, &[(1, 0, 1)]).await.unwrap();
        stage.academy.reserve_all(&stage, "early", 1, 1, None).await;
        stage.academy.reserve_all(&stage, "math", 2, 2, None).await;
        stage.set_clock("2026-03-02T00:00").await;
        stage.fire("invite create", None).await;
        stage.minute("2026-03-02T08:00").await;
        assert!(stage.asked(MATH).await.is_empty(), "nobody is asked by itself");
        assert_eq!(stage.invite(1, MATH, None).await, "QUEUED");
        assert_eq!(stage.invite(1, "early@2026-03-05", None).await, "QUEUED");
        stage.minute("2026-03-02T08:01").await;
        stage.ready(&[1], MATH).await;
        assert_eq!(stage.yes(1, "early@2026-03-05").await, "RANK_LIMIT");
        stage.messages().await;
    });
}
