import { serve } from 'fluxtape/worker'
import { learn } from './learn.js'

serve({ learn })
