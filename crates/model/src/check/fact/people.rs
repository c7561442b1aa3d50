//! Decisions are among their options.

use std::collections::BTreeSet;

use super::{Facts, item, keys};
use crate::diagnostic::{Code, Diagnostic, nearest, shown};
use crate::record::Decision;

impl Facts<'_> {
    pub(super) fn decision(&mut self, decision: &Decision) {
        let id = self.id;
        let mut options = BTreeSet::new();
        for (index, option) in decision.options.iter().enumerate() {
            if !options.insert(option.id.as_str()) {
                let message =
                    format!("decision `{id}` has two options called `{}`", shown(&option.id));
                let diagnostic = Diagnostic::error(Code::DuplicateId, message);
                self.tell(&item("options", index), diagnostic.help("name each option once"));
            }
        }
        if let Some(decided) = &decision.decided
            && !options.contains(decided.option.as_str())
        {
            let message = format!("`{}` is no option of decision `{id}`", shown(&decided.option));
            let help = match nearest(&decided.option, options.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if options.is_empty() => "list it under `options`".to_owned(),
                None => {
                    let names: Vec<String> = options.iter().take(12).map(|it| shown(it)).collect();
                    format!("its options are {}", names.join(", "))
                }
            };
            let diagnostic = Diagnostic::error(Code::UnknownReference, message).help(help);
            self.tell(&keys(&["decided", "option"]), diagnostic);
        }
        if let Some(case) = &decision.include_or_respin {
            self.time(&["include_or_respin", "respin_in"], &case.respin_in);
        }
    }
}
