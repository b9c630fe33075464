//! `check`: form and meaning of plans, then their keys, then preflight.

use std::path::PathBuf;

use reseal_engine::{Finding, SampledTable, Scope, Severity};
use reseal_plan::Problem;
use reseal_registry::Overrides;

use crate::{Failure, FailureClass, open, plan_file};

/// What is checked, and how far.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The plans.
    pub plans: Vec<PathBuf>,
    /// Whether their keys are read.
    pub keys: bool,
    /// Whether preflight is run, which reads the keys and writes nothing.
    pub connect: bool,
}

/// A plan that was checked.
#[derive(Clone, Debug)]
pub struct CheckedPlan {
    /// The plan.
    pub path: PathBuf,
    /// What there is to say of it, in the order in which it was found.
    pub findings: Vec<CheckFinding>,
    /// What preflight saw of its tables.
    pub samples: Vec<SampledTable>,
    /// What kind of failure a run of it would be; none where it may run.
    pub fault: Option<FailureClass>,
}

/// What a check found.
#[derive(Clone, Debug)]
pub enum CheckFinding {
    /// A line of the plan is wrong, or asks for what this version or build does not do.
    Problem(Problem),
    /// Preflight has something to say of the database.
    Preflight(Finding),
    /// The check itself could not be carried out.
    Failure(Failure),
}

/// Checks plans, and gives what was found in all of them.
pub async fn check(request: &CheckRequest) -> Vec<CheckedPlan> {
    let mut checked = Vec::new();
    for path in &request.plans {
        let mut plan =
            CheckedPlan { path: path.clone(), findings: Vec::new(), samples: Vec::new(), fault: None };
        if let Err(failure) = plan.check(request).await {
            plan.fault = Some(failure.class);
            plan.findings.push(CheckFinding::Failure(failure));
        }
        checked.push(plan);
    }
    checked
}

impl CheckedPlan {
    async fn check(&mut self, request: &CheckRequest) -> Result<(), Failure> {
        if !self.read()? || !(request.keys || request.connect) {
            return Ok(());
        }
        let opened = open::job(&self.path, &Overrides::default()).await?;
        if !request.connect {
            return Ok(());
        }
        let checked = reseal_engine::preflight(&opened.job, &opened.database, &Scope::default()).await?;
        self.samples = checked.samples;
        for finding in checked.findings {
            if finding.severity == Severity::Refusal {
                self.fault = Some(FailureClass::Refused);
            }
            self.findings.push(CheckFinding::Preflight(finding));
        }
        Ok(())
    }

    /// Reads the plan; false where there is nothing more to check.
    fn read(&mut self) -> Result<bool, Failure> {
        let parsed = plan_file::parse(&self.path)?;
        let plan = match parsed {
            Ok(plan) => plan,
            Err(problems) => {
                self.fault = Some(FailureClass::Usage);
                self.findings.extend(problems.0.into_iter().map(CheckFinding::Problem));
                return Ok(false);
            }
        };
        let unsupported = plan.unsupported();
        if !unsupported.is_empty() {
            self.fault = Some(FailureClass::Refused);
            self.findings.extend(unsupported.iter().cloned().map(CheckFinding::Problem));
            return Ok(false);
        }
        // The plan is right; it is this build that cannot carry it out.
        self.findings.extend(plan.missing().iter().cloned().map(CheckFinding::Problem));
        Ok(true)
    }
}
