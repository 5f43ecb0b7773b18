mod arrows;
mod beside;
mod deadlines;
mod limits;
mod properties;
mod sessions;
mod stage;
mod transfer;
