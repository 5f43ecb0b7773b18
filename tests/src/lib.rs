//! The rig: a desktop without a machine.
