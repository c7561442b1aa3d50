//! A disk that is full: below the reserve that the server keeps, and to the last byte.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::load::Load;
use super::{Arguments, Trial, say};

/// The size of the disk.
const SIZE_MIB: u64 = 64;

/// A file system of its own, in memory, gone when it is dropped.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: &Path) -> Result<Disk> {
        std::fs::create_dir_all(path)?;
        let size = format!("size={SIZE_MIB}m");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path);
        let mount = command.output()?;
        ensure!(
            mount.status.success(),
            "no disk of its own can be mounted ({}); --no-full-disk leaves this out",
            String::from_utf8_lossy(&mount.stderr).trim()
        );
        Ok(Disk { path: path.to_owned() })
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Fills it until so many bytes are free.
    fn fill(&self, free: u64) -> Result<()> {
        use std::io::Write as _;
        let mut ballast = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .context("no ballast")?;
        loop {
            let left = free_bytes(&self.path)?.saturating_sub(free);
            if left == 0 {
                return Ok(());
            }
            let part = vec![0; usize::try_from(left.min(1 << 20)).unwrap_or(4096)];
            match ballast.write(&part) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn empty(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn free_bytes(path: &Path) -> Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes = text.lines().nth(1).and_then(|it| it.trim().parse().ok());
    bytes.context("df doesn't tell how much is free")
}

/// Fills the disk under load, with and without a reserve.
pub(super) fn full(arguments: &Arguments, runtime: &tokio::runtime::Runtime) -> Result<bool> {
    let mut sound = true;
    for reserve_mib in [8, 0] {
        sound &= round(arguments, runtime, reserve_mib)?;
    }
    Ok(sound)
}

fn round(
    arguments: &Arguments,
    runtime: &tokio::runtime::Runtime,
    reserve_mib: u64,
) -> Result<bool> {
    let mounted = tempfile::tempdir()?;
    let disk = Disk::mount(mounted.path())?;
    let mut trial = Trial::begin(arguments, runtime, |house| {
        house.lake = disk.path.join("lake");
        house.flags.extend(["--lake-disk-free".to_owned(), reserve_mib.to_string()]);
        Ok(())
    })?;
    runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        // Under load the rest goes quickly: what is below the reserve, or the last pages.
        disk.fill((reserve_mib << 20) + (256 << 10))?;
        until_refused(&trial.load, 0).await?;
        disk.fill(0)?;
        // Long enough that rows should have been written to files, which can't be.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        until_refused(&trial.load, 20).await?;
        ensure!(trial.server.runs(), "the server ended when the disk was full");
        // Killed and started while there is no room at all.
        trial.kill()?;
        trial.server = trial.house.start().context("it doesn't start on a full disk")?;
        let opened = trial.server.opened_in.as_secs_f64();
        trial.check("on a full disk").await?;
        trial.let_send();
        until_refused(&trial.load, 20).await?;
        // With room again, it goes on by itself.
        disk.empty()?;
        let (_, before) = trial.load.ledger.counts();
        until_acknowledged(&trial.load, before + 500).await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        say(&format!("  opened on a full disk in {opened:.1} s, and went on once there was room"));
        let what = format!("a full disk, {reserve_mib} MiB of it in reserve");
        trial.end(&what).await
    })
}

/// Waits until so many more payloads were told to come later.
async fn until_refused(load: &Load, more: u64) -> Result<()> {
    let refused = || load.refused.load(Ordering::Relaxed);
    let (before, begun) = (refused(), Instant::now());
    while refused() <= before + more {
        if begun.elapsed() > Duration::from_secs(30) {
            bail!("a full disk isn't told: {} refused", refused());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn until_acknowledged(load: &Load, count: u64) -> Result<()> {
    let begun = Instant::now();
    while load.ledger.counts().1 < count {
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("nothing is taken although there is room again");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
