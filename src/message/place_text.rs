//! The texts about who teaches a lesson in its coach's place, and about coaches who do not come.

use super::class_text::{class_name, course, first, span};
use super::content::{ClassFacts, ClassNews, Reader, TakenOver};
use crate::domain::state::VacancyKind;

/// What is told of a substitution, or of a coach change.
pub(super) fn substitution(class: &ClassFacts, news: &ClassNews) -> String {
    let (name, first, span) = (class_name(class), first(class), span(class));
    match news {
        ClassNews::GoesOn { lessons } => {
            format!("您的{name}续班：自{span}起，{}，由您继续上课。请提前10分钟上线。", course(lessons))
        }
        ClassNews::SubstituteMissing { to: VacancyKind::Continue, coach } => {
            format!(
                "{first}起的续班（{}）：教练{coach}未确认继续上课，班级暂不续班，请处理。",
                class.template
            )
        }
        ClassNews::SubstituteMissing { to, coach } => {
            let wanted = if *to == VacancyKind::Change { "接任" } else { "代课" };
            format!("告警：{first}（{}，教练{coach}）仍未找到{wanted}教练，请立即处理。", class.template)
        }
        _ => String::new(),
    }
}

/// What is told in the minutes around the start of a lesson.
pub(super) fn of_the_hour(class: &ClassFacts, news: &ClassNews) -> String {
    let (first, template) = (first(class), &class.template);
    match news {
        ClassNews::CoachNotOnline { coach: None } => {
            format!("{first}即将开始，系统显示您尚未上线，请立即上线。")
        }
        ClassNews::CoachNotOnline { coach: Some(coach) } => {
            format!("告警：{first}（{template}）即将开始，教练{coach}尚未上线。")
        }
        ClassNews::CoachLate { coach: None } => {
            format!("{first}已经开始，您尚未上线，请立即上线，否则由其他教练接替。")
        }
        ClassNews::CoachLate { coach: Some(coach) } => {
            format!("告警：{first}（{template}）已经开始，教练{coach}尚未上线，暂无人接替。")
        }
        ClassNews::LessonTakenOver(TakenOver::Standby) => {
            format!("请立即进入课堂：{first}现在由您上课。谢谢您的支援。")
        }
        ClassNews::LessonTakenOver(TakenOver::Replaced) => {
            format!("{first}因您未上线，这次课已由其他教练接替，之后的课仍由您上。")
        }
        ClassNews::LessonTakenOver(TakenOver::Admins { coach, standby }) => {
            format!("{first}（{template}）教练{coach}未上线，已由{standby}接替上课。")
        }
        ClassNews::LessonDelayed => format!("{first}的教练稍晚到，请在课堂稍候，谢谢您的耐心。"),
        ClassNews::CoachAbsent(Reader::Student) => {
            format!("很抱歉，{first}这次课因教练未到未能进行，我们会为您安排补课。")
        }
        ClassNews::CoachAbsent(Reader::Coach) => {
            format!("{first}您未上线，这次课未能进行，请尽快与教务联系。")
        }
        ClassNews::CoachAbsent(Reader::Admins { coach, students }) => {
            format!("告警：{first}（{template}）教练{coach}缺席，这次课未能进行，需为{students}名学员补课。")
        }
        ClassNews::LessonGoesOn { late_minutes: ..=0, coach: Some(coach) } => {
            format!("{first}（{template}）的教练{coach}已上线。")
        }
        ClassNews::LessonGoesOn { late_minutes, coach: Some(coach) } => {
            format!("{first}（{template}）的教练{coach}已上线，迟到{late_minutes}分钟。")
        }
        ClassNews::LessonGoesOn { late_minutes: _, coach: None } => {
            format!("{first}的教练已到，现在上课。谢谢您的耐心。")
        }
        _ => String::new(),
    }
}
