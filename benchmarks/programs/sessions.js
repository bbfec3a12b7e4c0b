/** What keeps a session: memory and idle processor time of many in one process. */
export default { missing: 'it is not there yet' }
