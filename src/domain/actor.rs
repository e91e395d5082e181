//! Who makes a call, and who changed what is stored (docs/domain.md §2).

use super::state::ActorKind;

/// Who acts. Stored as two columns, the kind beside the name: a student may be called "import".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A student, by user name.
    Student(String),
    /// A coach, by user name.
    Coach(String),
    /// An operator (管理员), by the name that the call gave.
    Admin(String),
    /// A scheduled task, by the words of its command.
    Task(&'static str),
    /// An edit of the catalogue, by its RPC: `UpsertSeason`.
    Catalogue(&'static str),
    /// An import of files.
    Import,
    /// A service that calls on its own behalf, or did not say on whose.
    #[default]
    Client,
}

impl Actor {
    /// Of which kind.
    pub fn kind(&self) -> ActorKind {
        match self {
            Self::Student(_) => ActorKind::Student,
            Self::Coach(_) => ActorKind::Coach,
            Self::Admin(_) => ActorKind::Admin,
            Self::Task(_) => ActorKind::Task,
            Self::Catalogue(_) => ActorKind::Catalogue,
            Self::Import => ActorKind::Import,
            Self::Client => ActorKind::Client,
        }
    }

    /// The name within the kind; empty where there is only one of it.
    pub fn name(&self) -> &str {
        match self {
            Self::Student(name) | Self::Coach(name) | Self::Admin(name) => name,
            Self::Task(name) | Self::Catalogue(name) => name,
            Self::Import => "import",
            Self::Client => "",
        }
    }
}
