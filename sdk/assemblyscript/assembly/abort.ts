/** What the compiler calls where a program gives up. It traps, which refuses the command that was looked at. */
export function abort(_message: string | null, _file: string | null, _line: u32, _column: u32): void {
  unreachable();
}
