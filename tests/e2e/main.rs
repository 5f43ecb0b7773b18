//! Two real app processes, side by side.
