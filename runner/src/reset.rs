//! `cargo lab reset STEP`: a place as it was given. What stood there is kept.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::course::{Course, StepNumber};
use crate::marks::Marked;
use crate::places::{GIVEN, Places};
use crate::progress::FOLDER;

/// Puts the place of a step back to what was given, or with `whole_file` the whole file in
/// which it is. Says what was done.
///
/// # Errors
/// There is no such step, this is no kit, or its marks cannot be found.
pub(crate) fn reset(course: &Course, step: StepNumber, whole_file: bool) -> Result<String> {
    let places = Places::read(&course.root)?;
    if !places.is_kit() {
        bail!("these are the finished programs: only a kit knows how a step was given");
    }
    let given = places.given(step).with_context(|| format!("there is no step {step}"))?;
    let shown = given.file.display();
    let path = course.root.join(&given.file);
    let now = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound && whole_file => None,
        Err(error) => {
            return Err(error)
                .context(format!("cannot read {shown}{}", unless(whole_file, step)));
        }
    };
    let then = if whole_file {
        fs::read(course.root.join(GIVEN).join(&given.name))
            .with_context(|| format!("cannot read how {shown} was given"))?
    } else {
        let text = str::from_utf8(now.as_deref().unwrap_or_default())
            .with_context(|| format!("{shown} is no text{}", unless(whole_file, step)))?;
        with_place(text, step, &given.file, &given.content)?.into_bytes()
    };
    let what = if whole_file { format!("{shown} is") } else { format!("Step {step} is") };
    let Some(now) = now.filter(|now| *now != then) else {
        write(&path, &then)?;
        return Ok(format!("{what} as it was given.\n"));
    };
    let kept = keep(&course.root, step, &given.file, &now)?;
    write(&path, &then)?;
    let kept = kept.display();
    Ok(format!(
        "{what} as it was given, in {shown}.\n\
         Your file of before is {kept}; this brings it back, in the kit's folder:\n  \
         cp {kept} {shown}\n"
    ))
}

/// What else can be done, unless it is being done.
fn unless(whole_file: bool, step: StepNumber) -> String {
    if whole_file {
        String::new()
    } else {
        format!("; `cargo lab reset {step} --file` puts it back whole")
    }
}

fn with_place(text: &str, step: StepNumber, file: &Path, content: &str) -> Result<String> {
    let whole = format!("`cargo lab reset {step} --file` puts the whole file back");
    match Marked::read_in_kit(file, text) {
        Ok(marked) if marked.places().any(|place| place.step == step) => {
            Ok(marked.with_content(step, content))
        }
        Ok(_) => bail!("{} has no marks of step {step} any more; {whole}", file.display()),
        Err(faults) => {
            let fault = faults.first().map(ToString::to_string).unwrap_or_default();
            bail!("the marks are damaged: {fault}; {whole}")
        }
    }
}

/// Keeps what is in a file under a name that nothing has yet.
fn keep(root: &Path, step: StepNumber, file: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let folder = Path::new(FOLDER).join("kept");
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    fs::create_dir_all(root.join(&folder)).context("cannot keep what is there")?;
    for number in 1_u32.. {
        let kept = folder.join(format!("{step}-{number}-{name}"));
        match OpenOptions::new().write(true).create_new(true).open(root.join(&kept)) {
            Ok(mut new) => {
                new.write_all(bytes).and_then(|()| new.sync_all())?;
                return Ok(kept);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context("cannot keep what is there"),
        }
    }
    bail!("cannot keep what is there: {} is full", folder.display())
}

/// Writes a file so that it is never there half.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let shown = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(shown)?;
    fs::create_dir_all(folder).with_context(shown)?;
    let permissions = fs::metadata(path).map(|file| file.permissions());
    // As for any new file: what the umask leaves.
    let all = permissions.unwrap_or_else(|_| Permissions::from_mode(0o666));
    let mut new =
        tempfile::Builder::new().permissions(all).tempfile_in(folder).with_context(shown)?;
    new.write_all(bytes).with_context(shown)?;
    new.persist(path).with_context(shown)?;
    Ok(())
}
