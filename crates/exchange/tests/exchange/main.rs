//! Round trips and hostile input, through the public interface alone.

mod csv_table;
mod hostile;
mod mspdi_records;
mod mspdi_round_trip;
