//! The crontab that fires every scheduled task at its times.

use super::registry::Task;

/// The top of the crontab: what cron cannot know.
const CRONTAB_HEAD: &str = "\
# etutor: the scheduled tasks, in system form (/etc/cron.d/etutor; the sixth field is the user). Made by \
`etutorctl crontab`.
#
# The times are meant in the zone of the service (`zone`, by default Asia/Shanghai), but cron counts in the \
zone of its host
# (Debian's ignores CRON_TZ): set the host's zone to it.
#
# Each line names its tick, the current minute, and a tick runs once: two hosts may have this crontab. A \
line is silent when
# all went well; what cron mails needs a person (or says that the server is in testing mode).
SHELL=/bin/sh
ETUTOR_SERVER=http://127.0.0.1:50051

";

/// The file `crontab`: one line per task and schedule.
pub fn crontab() -> String {
    let mut text = CRONTAB_HEAD.to_owned();
    for task in Task::ALL {
        for schedule in task.info().schedules {
            text.push_str(&format!(
                "{schedule:<14} etutor  /usr/local/bin/etutorctl --tick now {}\n",
                task.words()
            ));
        }
    }
    text
}
