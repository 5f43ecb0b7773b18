mod arrows;
mod beside;
mod deadlines;
mod limits;
mod properties;
mod stage;
