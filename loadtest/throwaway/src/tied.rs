//! A child process that cannot outlive this one.
//!
//! Dropping a [`Tied`] kills its process. When this process ends without dropping anything (kill -9,
//! abort), the kernel signals the child. The kernel does so when the *thread* that started the child
//! ends, so all children are started by one thread that lives as long as the process: a server kept
//! in a `static` survives the test thread that asked for it first.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, ExitStatus},
    sync::{OnceLock, mpsc},
    thread,
};

use anyhow::{Context, Result, anyhow};
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};

/// What the kernel sends to the child when this process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtParentDeath {
    /// The child ends at once.
    Kill,
    /// The child is told to quit at once; for servers that have children of their own to take along.
    Quit,
}

/// A running child process; dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Tied {
    child: Child,
}

struct Order {
    command: Command,
    reply: mpsc::Sender<io::Result<Child>>,
}

impl Tied {
    /// Starts `command`. It gets a process group of its own, so that Ctrl-C reaches this process
    /// only, which then ends its children in order.
    pub fn spawn(mut command: Command, at_parent_death: AtParentDeath) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.process_group(0);
        tie(&mut command, at_parent_death);
        let (reply, answer) = mpsc::channel();
        let spawned = spawner()
            .send(Order { command, reply })
            .ok()
            .and_then(|()| answer.recv().ok())
            .ok_or_else(|| {
                anyhow!("cannot start {program}: the thread that starts processes has ended")
            })?;
        Ok(Self { child: spawned.with_context(|| format!("cannot start {program}"))? })
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipe to its standard output, once, if the command asked for one.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for process {}", self.id()))
    }

    /// Sends a signal; does nothing if the process has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send {signal:?} to process {}", self.id()))
    }

    /// Signal 9, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.child.wait().with_context(|| format!("cannot wait for process {}", self.id()))?;
        Ok(())
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("throwaway: process {} may still be running: {error:#}", self.id());
        }
    }
}

#[expect(
    unsafe_code,
    reason = "pre_exec runs between fork and exec; the closure makes plain system calls only"
)]
fn tie(command: &mut Command, at_parent_death: AtParentDeath) {
    let parent = getpid();
    let signal = match at_parent_death {
        AtParentDeath::Kill => Signal::KILL,
        AtParentDeath::Quit => Signal::QUIT,
    };
    // SAFETY: no allocation, no lock, nothing but two system calls in the forked child.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(signal))?;
            // The parent may have died before the line above.
            if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
        });
    }
}

fn spawner() -> &'static mpsc::Sender<Order> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for mut order in inbox {
                let spawned = order.command.spawn();
                // Nobody waits any more: the child must not stay behind.
                if let Err(mpsc::SendError(Ok(mut child))) = order.reply.send(spawned) {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        orders
    })
}
