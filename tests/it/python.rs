//! Python interpreters with what a script of `tests/` needs, each in a virtual environment that is made once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder `tests/` of the repository.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

/// An interpreter with the packages of `tests/<folder>/requirements.txt`.
pub(crate) fn interpreter(script_folder: &str) -> PathBuf {
    if let Some(given) = std::env::var_os("PRIVYSEAL_TEST_PYTHON") {
        return given.into();
    }
    let requirements = format!("{FOLDER}/{script_folder}/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{script_folder}-venv"));
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (interpreter, ready) = (folder.join("bin/python"), folder.join("ready"));
    let wanted = fs::read_to_string(&requirements).unwrap();
    if fs::read_to_string(&ready).is_ok_and(|found| found == wanted) {
        return interpreter;
    }
    let _ = fs::remove_dir_all(&folder);
    let advice = format!(
        "the scripts of tests/{script_folder} need Python 3.11 or newer with venv and the packages in tests/{script_folder}/requirements.txt:\n\
        on Debian or Ubuntu `sudo apt-get install python3-venv`, and a reachable package index for pip;\n\
        or set PRIVYSEAL_TEST_PYTHON to an interpreter that has them"
    );
    let steps: [(&Path, &[&str]); 2] = [
        (Path::new("python3"), &["-m", "venv", folder.to_str().unwrap()]),
        (&interpreter, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &requirements]),
    ];
    for (tool, arguments) in steps {
        let output = Command::new(tool).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{} does not run: {error}\n{advice}", tool.display()));
        assert!(output.status.success(), "{} failed: {}\n{advice}", tool.display(), String::from_utf8_lossy(&output.stderr));
    }
    fs::write(ready, wanted).unwrap();
    interpreter
}

/// Runs a script of `tests/<folder>`: exit code and what it printed.
pub(crate) fn script(folder: &str, name: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(interpreter(folder));
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(format!("{FOLDER}/{folder}/{name}")).args(arguments);
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}
