// Imported before a program: it then runs with the kernels that give the same bits everywhere.
import { configure } from 'fluxtape'

await configure({ deterministic: true })
