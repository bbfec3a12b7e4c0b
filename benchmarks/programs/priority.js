export default { missing: 'it is not there yet' }
