mod arrows;
mod deadlines;
mod limits;
mod properties;
mod stage;
